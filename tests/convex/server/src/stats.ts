// What each function cost: calls, bytes and documents.
import type { Run } from "./run.ts";

export interface FunctionStats {
  /** Times that a client or a subscription was given a result. */
  calls: number;
  /** Times that the function ran; a query that nothing touched since is answered from the cache. */
  runs: number;
  errors: number;
  conflicts: number;
  documentsRead: number;
  bytesRead: number;
  documentsWritten: number;
  bytesWritten: number;
  argumentBytes: number;
  resultBytes: number;
  /** Of one run. */
  maxDocumentsRead: number;
  lastDocumentsRead: number;
}

export interface Totals {
  httpRequests: number;
  httpBytesIn: number;
  httpBytesOut: number;
  socketsOpened: number;
  socketBytesIn: number;
  socketBytesOut: number;
  transitions: number;
  transactions: number;
}

function newFunction(): FunctionStats {
  return {
    calls: 0,
    runs: 0,
    errors: 0,
    conflicts: 0,
    documentsRead: 0,
    bytesRead: 0,
    documentsWritten: 0,
    bytesWritten: 0,
    argumentBytes: 0,
    resultBytes: 0,
    maxDocumentsRead: 0,
    lastDocumentsRead: 0,
  };
}

function newTotals(): Totals {
  return {
    httpRequests: 0,
    httpBytesIn: 0,
    httpBytesOut: 0,
    socketsOpened: 0,
    socketBytesIn: 0,
    socketBytesOut: 0,
    transitions: 0,
    transactions: 0,
  };
}

export class Stats {
  totals = newTotals();
  functions: Record<string, FunctionStats> = {};

  reset(): void {
    this.totals = newTotals();
    this.functions = {};
  }

  of(path: string): FunctionStats {
    const found = this.functions[path] ?? newFunction();
    this.functions[path] = found;
    return found;
  }

  ran(run: Run, failed: boolean): void {
    const stats = this.of(run.path);
    stats.runs += 1;
    if (failed) stats.errors += 1;
    stats.documentsRead += run.documentsRead;
    stats.bytesRead += run.bytesRead;
    stats.documentsWritten += run.documentsWritten;
    stats.bytesWritten += run.bytesWritten;
    stats.lastDocumentsRead = run.documentsRead;
    stats.maxDocumentsRead = Math.max(stats.maxDocumentsRead, run.documentsRead);
  }
}
