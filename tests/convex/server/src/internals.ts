// convex-test's own database and transactions, which it does not export.
import { registerHooks } from "node:module";
import type { convexTest as ConvexTest } from "convex-test";

export type Document = { _id: string; _creationTime: number } & Record<string, unknown>;

/** A filter of an index range, as `withIndex` sends it; the value is JSON. */
export interface RangeFilter {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: unknown;
}

export type Source =
  | { type: "FullTableScan"; tableName: string; order: "asc" | "desc" | null }
  | { type: "IndexRange"; indexName: string; range: RangeFilter[]; order: "asc" | "desc" | null }
  | {
      type: "Search";
      indexName: string;
      filters: { type: string; fieldPath: string; value: unknown }[];
    };

export interface Query {
  source: Source;
  operators: ({ filter: unknown } | { limit: number })[];
}

export interface Resolved {
  sortedDocs: Document[];
  filterFn: (document: Document) => boolean;
  limit: number | null;
  fieldPathsToSortBy: string[];
  order: "asc" | "desc";
}

export interface PageRequest {
  query: Query;
  cursor: string | null;
  endCursor?: string | null;
  pageSize: number;
  maximumRowsRead?: number;
  maximumBytesRead?: number;
}

export interface Page {
  page: Document[];
  isDone: boolean;
  continueCursor: string;
}

/** One layer of a transaction: what it will write by id, null for a deletion. */
export type Writes = Record<string, Document | null>;

export interface Database {
  _documents: Record<string, Document>;
  _storage: Record<string, Blob>;
  _writes: Writes[];
  _nextQueryId: number;
  _nextDocId: number;
  _lastCreationTime: number;
  _schema: {
    tables: Map<string, { indexes: { indexDescriptor: string; fields: string[] }[] }>;
  } | null;
  get(table: string | undefined, id: string): Document | null;
  getFile(storageId: string): Blob | null;
  insert(table: string, value: Record<string, unknown>): string;
  commit(commitTs: bigint | null): void;
  paginate(request: PageRequest): Page;
  startQuery(query: Query): number;
  queryNext(id: number): { value: Document | null; done: boolean };
  validateSchema(): void;
  _validate(table: string, value: Record<string, unknown>): void;
  _iterateDocs(table: string, callback: (document: Document) => void): void;
  _resolveQuerySource(query: Query): Resolved;
}

export interface Transactions {
  _lastCommitTs: bigint;
  begin(isNested: boolean, limits?: unknown): Promise<void>;
  commit(isNested: boolean): bigint | null;
  _endTransaction(isNested: boolean): void;
}

interface Internals {
  convexTest: typeof ConvexTest;
  DatabaseFake: { prototype: Database };
  TransactionManager: { prototype: Transactions };
  evaluateFieldPath(path: string, document: Document): unknown;
  evaluateFilter(document: Document, filter: unknown): unknown;
  evaluateQueryValue(value: unknown): unknown;
  tableNameFromId(id: string): string | null;
  validateIndexRangeExpression(source: Source, fields: string[]): void;
}

const names = [
  "DatabaseFake",
  "TransactionManager",
  "evaluateFieldPath",
  "evaluateFilter",
  "evaluateQueryValue",
  "tableNameFromId",
  "validateIndexRangeExpression",
].join(", ");
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url.endsWith("/convex-test/dist/index.js"))
      loaded.source = `${Buffer.from(loaded.source as Uint8Array).toString()}\nexport { ${names} };`;
    return loaded;
  },
});

export const internals = (await import("convex-test")) as unknown as Internals;
