// Gives convex-test's database indexes, records of what was read, Convex's limits on documents,
// and a gate before its transactions.
import { AsyncLocalStorage } from "node:async_hooks";
import { jsonToConvex } from "convex/values";
import { Gate } from "./gate.ts";
import { type Change, Indexes } from "./indexes.ts";
import { type Database, type Document, internals, type Query, type Resolved } from "./internals.ts";
import {
  type Bound,
  bounds,
  comparePrefix,
  contains,
  type Interval,
  type Key,
  keyOf,
} from "./keys.ts";
import { checkDocument } from "./limits.ts";
import { runs } from "./run.ts";

export const gate = new Gate();
/** The type of the file that is being stored. */
export const uploading = new AsyncLocalStorage<string>();

export interface Hooks {
  /** Called before a top-level transaction commits; throwing rolls it back. */
  beforeCommit(): void;
  committed(changes: readonly Change[], ts: bigint): void;
}

const END = "_end_cursor";
const PLAIN = { table: "", fields: ["_creationTime", "_id"], lower: null, upper: null };
const indexes = new WeakMap<Record<string, Document>, Indexes>();
const scans = new WeakMap<Database, Map<number, Scan>>();
let newest: Database | null = null;
/** The cursors of the page that is being read: paginate has no other way to tell the source. */
let page: { after: Key | null; until: Key | null } | null = null;

/** Return the database of the convexTest that was made last. */
export function newestDatabase(): Database {
  if (newest === null) throw new Error("no convexTest has been made");
  return newest;
}

/** Let a database go on with the documents of the one before it, whose schema was another. */
export function inherit(from: Database, into: Database): void {
  for (const document of Object.values(from._documents)) {
    const { _id, _creationTime, ...value } = document;
    into._validate(internals.tableNameFromId(_id) ?? "", value);
  }
  into._documents = from._documents;
  into._storage = from._storage;
  into._nextDocId = from._nextDocId;
  into._lastCreationTime = from._lastCreationTime;
}

function indexesOf(database: Database): Indexes {
  let found = indexes.get(database._documents);
  if (found === undefined) {
    found = new Indexes(database._documents);
    indexes.set(database._documents, found);
  }
  return found;
}

/** One query as it is read, document by document. */
class Scan {
  private next = 0;
  private returned = 0;
  private readonly source: Resolved;
  private readonly interval: Interval | null;

  constructor(source: Resolved, interval: Interval | null) {
    this.source = source;
    this.interval = interval;
  }

  step(): { value: Document | null; done: boolean } {
    const { sortedDocs, filterFn, limit } = this.source;
    while (limit === null || this.returned < limit) {
      const document = sortedDocs[this.next++];
      if (document === undefined) return { value: null, done: true };
      if (!filterFn(document)) continue;
      this.returned += 1;
      if (this.returned === limit) this.narrow(document);
      return { value: document, done: false };
    }
    return { value: null, done: true };
  }

  /** Nothing past this document is going to be read. */
  private narrow(document: Document): void {
    if (this.interval === null) return;
    const edge = { key: keyOf(document, this.interval.fields), inclusive: true };
    if (this.source.order === "asc") this.interval.upper = edge;
    else this.interval.lower = edge;
  }
}

/** Return the part of an index that a source names, or null for a text search. */
function intervalOf(database: Database, query: Query): Interval | null {
  const { source } = query;
  if (source.type === "Search") return null;
  if (source.type === "FullTableScan") return { ...PLAIN, table: source.tableName };
  const [table = "", name] = source.indexName.split(".");
  const fields = fieldsOf(database, table, name ?? "");
  internals.validateIndexRangeExpression(source, fields);
  return { table, fields, ...bounds(source.range) };
}

function fieldsOf(database: Database, table: string, name: string): string[] {
  if (name === "by_creation_time") return ["_creationTime", "_id"];
  if (name === "by_id") return ["_id"];
  const declared = database._schema?.tables.get(table)?.indexes;
  const index = declared?.find(({ indexDescriptor }) => indexDescriptor === name);
  if (index === undefined)
    throw new Error(
      `Cannot use index "${name}" for table "${table}" because it is not declared in the schema.`,
    );
  return [...index.fields, "_creationTime", "_id"];
}

/** Return an interval's documents in order, with what the transaction itself has written. */
function read(database: Database, interval: Interval, order: "asc" | "desc"): Document[] {
  let documents = indexesOf(database).slice(interval);
  const pending = new Map<string, Document | null>();
  for (const layer of database._writes)
    for (const [id, value] of Object.entries(layer))
      if (internals.tableNameFromId(id) === interval.table) pending.set(id, value);
  if (pending.size > 0) {
    documents = documents.filter(({ _id }) => !pending.has(_id));
    for (const document of pending.values())
      if (document !== null && contains(interval, document)) documents.push(document);
    const key = (document: Document): Key => keyOf(document, interval.fields);
    documents.sort((a, b) => comparePrefix(key(a), key(b)));
  }
  return order === "asc" ? documents : documents.reverse();
}

/** Narrow an interval to the page that is being read. */
function window(interval: Interval, order: "asc" | "desc"): Interval {
  const start: Bound | null = page?.after ? { key: page.after, inclusive: false } : null;
  const end: Bound | null = page?.until ? { key: page.until, inclusive: true } : null;
  const [lower, upper] = order === "asc" ? [start, end] : [end, start];
  return { ...interval, lower: lower ?? interval.lower, upper: upper ?? interval.upper };
}

function parseCursor(cursor: string | null | undefined): Key | null {
  if (!cursor || cursor === END) return null;
  const parts = JSON.parse(cursor) as (string | null)[];
  return parts.map((part) => (part === null ? undefined : jsonToConvex(JSON.parse(part))));
}

function noteFilter(resolved: Resolved): Resolved {
  const { filterFn } = resolved;
  return {
    ...resolved,
    filterFn: (document) => {
      runs.getStore()?.scanned(document);
      return filterFn(document);
    },
  };
}

const base = internals.DatabaseFake.prototype;
const original = {
  validateSchema: base.validateSchema,
  _validate: base._validate,
  _resolveQuerySource: base._resolveQuerySource,
  get: base.get,
  insert: base.insert,
  commit: base.commit,
  paginate: base.paginate,
};
/** The interval of the source that was resolved last, for paginate to narrow. */
let resolvedInterval: Interval | null = null;

function resolve(
  database: Database,
  query: Query,
): { resolved: Resolved; interval: Interval | null } {
  const interval = intervalOf(database, query);
  if (interval === null) {
    const resolved = original._resolveQuerySource.call(database, query);
    const table = (query.source as { indexName: string }).indexName.split(".")[0] ?? "";
    runs.getStore()?.intervals.push({ ...PLAIN, table });
    return { resolved: noteFilter(resolved), interval };
  }
  const order = (query.source as { order: "asc" | "desc" | null }).order ?? "asc";
  const part = window(interval, order);
  runs.getStore()?.intervals.push(part);
  const filters = query.operators.flatMap((one) => ("filter" in one ? [one.filter] : []));
  const limits = query.operators.flatMap((one) => ("limit" in one ? [one.limit] : []));
  const resolved: Resolved = {
    sortedDocs: read(database, part, order),
    filterFn: (document) => filters.every((one) => internals.evaluateFilter(document, one)),
    limit: limits.length > 0 ? Math.min(...limits) : null,
    fieldPathsToSortBy: [...part.fields],
    order,
  };
  return { resolved: noteFilter(resolved), interval: part };
}

base.validateSchema = function validateSchema() {
  newest = this;
  original.validateSchema.call(this);
};

base._validate = function _validate(table, value) {
  original._validate.call(this, table, value);
  if (!table.startsWith("_")) checkDocument(value);
};

base.insert = function insert(table, value) {
  // convex-test keeps no type of a file.
  const contentType = uploading.getStore();
  const known = table === "_storage" && contentType ? { ...value, contentType } : value;
  return original.insert.call(this, table, known);
};

base._resolveQuerySource = function _resolveQuerySource(query) {
  const { resolved, interval } = resolve(this, query);
  resolvedInterval = interval;
  return resolved;
};

base.startQuery = function startQuery(query) {
  const { resolved, interval } = resolve(this, query);
  const id = this._nextQueryId++;
  const open = scans.get(this) ?? new Map<number, Scan>();
  scans.set(this, open);
  open.set(id, new Scan(resolved, interval));
  return id;
};

base.queryNext = function queryNext(id) {
  const scan = scans.get(this)?.get(id);
  if (scan === undefined) throw new Error("Bad queryId");
  const step = scan.step();
  if (step.done) scans.get(this)?.delete(id);
  return step;
};

base.paginate = function paginate(request) {
  const run = runs.getStore();
  const endCursor = request.endCursor ?? run?.journal?.endCursor ?? null;
  page = { after: parseCursor(request.cursor), until: parseCursor(endCursor) };
  try {
    const result = original.paginate.call(this, { ...request, endCursor });
    // convex-test forgets the end of a page whose last document is gone.
    if (endCursor !== null && endCursor !== END)
      Object.assign(result, { continueCursor: endCursor, isDone: false });
    const last = parseCursor(result.continueCursor);
    if (resolvedInterval !== null && last !== null) {
      const edge = { key: last, inclusive: true };
      if ((request.query.source as { order?: string }).order === "desc")
        resolvedInterval.lower = edge;
      else resolvedInterval.upper = edge;
    }
    if (run) run.newJournal = { endCursor: result.continueCursor };
    return result;
  } finally {
    page = null;
  }
};

base.get = function get(table, id) {
  const document = original.get.call(this, table, id);
  const isOwn = this._writes.some((layer) => id in layer);
  if (!isOwn) runs.getStore()?.looked(id, document);
  return document;
};

export function install(hooks: Hooks): void {
  base.commit = function commit(ts) {
    const layer = this._writes.length === 1 ? this._writes[0] : undefined;
    const ids = Object.keys(layer ?? {});
    const old = ids.map((id) => this._documents[id] ?? null);
    const own = indexesOf(this);
    original.commit.call(this, ts);
    if (layer === undefined) return;
    const changes = ids.map((id, n): Change => {
      const table = internals.tableNameFromId(id) ?? "";
      return { table, id, before: old[n] ?? null, after: this._documents[id] ?? null };
    });
    for (const change of changes) {
      own.change(change);
      runs.getStore()?.wrote(change);
    }
    const run = runs.getStore();
    if (run) run.commitTs = ts;
    hooks.committed(changes, ts ?? 0n);
  };

  const transactions = internals.TransactionManager.prototype;
  const { begin, commit, _endTransaction } = transactions;
  transactions.begin = async function enter(isNested, limits) {
    if (!isNested) await gate.enter();
    await begin.call(this, isNested, limits);
  };
  transactions.commit = function commitTransaction(isNested) {
    if (!isNested) hooks.beforeCommit();
    return commit.call(this, isNested);
  };
  transactions._endTransaction = function leave(isNested) {
    _endTransaction.call(this, isNested);
    if (!isNested) gate.leave();
  };
}
