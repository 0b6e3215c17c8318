// What one execution of a function read, wrote and logged.
import { AsyncLocalStorage } from "node:async_hooks";
import { type Value as ConvexValue, convexToJson, getDocumentSize } from "convex/values";
import type { Change } from "./indexes.ts";
import type { Document } from "./internals.ts";
import { contains, type Interval } from "./keys.ts";

/** Where the page of a paginated query ended when it first ran. */
export interface Journal {
  endCursor: string;
}

const sizes = new WeakMap<Document, number>();

function sizeOf(document: Document): number {
  let size = sizes.get(document);
  if (size === undefined) {
    size = getDocumentSize(document as never);
    sizes.set(document, size);
  }
  return size;
}

export class Run {
  readonly path: string;
  readonly journal: Journal | null;
  newJournal: Journal | null = null;
  documentsRead = 0;
  bytesRead = 0;
  documentsWritten = 0;
  bytesWritten = 0;
  conflicted = false;
  /** The commit of its transaction, or null while it has none. */
  commitTs: bigint | null = null;
  readonly logs: string[] = [];
  readonly intervals: Interval[] = [];
  readonly points = new Set<string>();

  constructor(path: string, journal: Journal | null = null) {
    this.path = path;
    this.journal = journal;
  }

  /** Note a document that a scan passed. */
  scanned(document: Document): void {
    this.documentsRead += 1;
    this.bytesRead += sizeOf(document);
  }

  /** Note a look at one id, once however often it is looked at. */
  looked(id: string, document: Document | null): void {
    if (this.points.has(id)) return;
    this.points.add(id);
    if (document !== null) this.scanned(document);
  }

  wrote(change: Change): void {
    this.documentsWritten += 1;
    if (change.after !== null) this.bytesWritten += sizeOf(change.after);
  }

  /** Say whether a change falls into what was read. */
  isTouchedBy({ table, id, before, after }: Change): boolean {
    if (this.points.has(id)) return true;
    return this.intervals.some(
      (interval) =>
        interval.table === table &&
        ((before !== null && contains(interval, before)) ||
          (after !== null && contains(interval, after))),
    );
  }
}

/** The run that the code is part of. */
export const runs = new AsyncLocalStorage<Run>();

function logged(value: unknown): string {
  if (typeof value === "string") return `'${value}'`;
  try {
    return JSON.stringify(convexToJson((value ?? null) as ConvexValue));
  } catch {
    return String(value); // not a Convex value, such as an Error
  }
}

/** Send what functions log to their run; what the server itself logs still goes out. */
export function captureLogs(): void {
  for (const level of ["log", "info", "warn", "error", "debug"] as const) {
    const write = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      const run = runs.getStore();
      if (run === undefined) write(...values);
      else run.logs.push(`[${level.toUpperCase()}] ${values.map(logged).join(" ")}`);
    };
  }
}
