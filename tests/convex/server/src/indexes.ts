// Sorted indexes of the committed documents. convex-test scans all tables for each query, which
// would make every measurement one of the scan.
import { type Document, internals } from "./internals.ts";
import { comparePrefix, type Interval, isAbove, isBelow, type Key, keyOf } from "./keys.ts";

interface Row {
  key: Key;
  document: Document;
}

export interface Change {
  table: string;
  id: string;
  before: Document | null;
  after: Document | null;
}

/** Return the first position whose row is not `before`. */
function bisect(rows: readonly Row[], before: (row: Row) => boolean): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && before(row)) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Index {
  readonly fields: readonly string[];
  private rows: Row[];

  constructor(fields: readonly string[], documents: Iterable<Document>) {
    this.fields = fields;
    this.rows = Array.from(documents, (document) => ({ key: keyOf(document, fields), document }));
    this.rows.sort((a, b) => comparePrefix(a.key, b.key));
  }

  private position(key: Key): number {
    return bisect(this.rows, (row) => comparePrefix(row.key, key) < 0);
  }

  change({ before, after }: Change): void {
    if (before !== null) this.rows.splice(this.position(keyOf(before, this.fields)), 1);
    if (after === null) return;
    const key = keyOf(after, this.fields);
    this.rows.splice(this.position(key), 0, { key, document: after });
  }

  slice({ lower, upper }: Interval): Document[] {
    const from = bisect(this.rows, (row) => !isAbove(row.key, lower));
    const to = bisect(this.rows, (row) => isBelow(row.key, upper));
    return this.rows.slice(from, to).map((row) => row.document);
  }
}

/** The indexes of one deployment, made when a query first needs them. */
export class Indexes {
  private documents = new Map<string, Map<string, Document>>();
  private indexes = new Map<string, Map<string, Index>>();

  constructor(documents: Record<string, Document>) {
    for (const [id, after] of Object.entries(documents))
      this.change({ table: internals.tableNameFromId(id) ?? "", id, before: null, after });
  }

  change(change: Change): void {
    const documents = this.documents.get(change.table) ?? new Map<string, Document>();
    this.documents.set(change.table, documents);
    if (change.after === null) documents.delete(change.id);
    else documents.set(change.id, change.after);
    for (const index of this.indexes.get(change.table)?.values() ?? []) index.change(change);
  }

  slice(interval: Interval): Document[] {
    const indexes = this.indexes.get(interval.table) ?? new Map<string, Index>();
    this.indexes.set(interval.table, indexes);
    const name = interval.fields.join(",");
    let index = indexes.get(name);
    if (index === undefined) {
      index = new Index(interval.fields, this.documents.get(interval.table)?.values() ?? []);
      indexes.set(name, index);
    }
    return index.slice(interval);
  }
}
