/**
 * The transcript's rows: what stands by itself in the list, with all that belongs inside it.
 *
 * A tool's result goes into the row of its call, a subagent's messages into the row of the call
 * that started it; so a row can be drawn, let go and drawn again without its neighbours.
 */

import type { Entry } from "./state";

export interface Row {
  readonly id: string;
  readonly entry: Entry;
  /** Results and subagents' messages, in order. */
  readonly inner: readonly Entry[];
  /** Something in it is still being written. */
  readonly live: boolean;
}

export class Rows {
  private rows: Row[] = [];
  private entries: readonly Entry[] = [];
  /** The row that holds each tool call. */
  private readonly owners = new Map<string, number>();

  /** Sort the entries into rows; entries that were added at the end cost no more than themselves. */
  update(entries: readonly Entry[]): readonly Row[] {
    const before = this.entries;
    if (entries === before) return this.rows;
    this.entries = entries;
    const appended = before.length > 0 && before.every((each, at) => each === entries[at]);
    this.rows = appended ? [...this.rows] : [];
    if (!appended) this.owners.clear();
    for (let at = appended ? before.length : 0; at < entries.length; at++) {
      this.add(entries[at] as Entry);
    }
    return this.rows;
  }

  private add(entry: Entry): void {
    const homes = this.homes(entry);
    for (const at of homes) this.join(at, entry);
    const own = homes.length ? (homes[0] as number) : this.rows.length;
    if (!homes.length) {
      this.rows.push({ id: entry.id, entry, inner: [], live: entry.k !== null });
    }
    for (const call of entry.calls) this.owners.set(call, own);
  }

  /** The rows that an entry belongs into; none where it is a row of its own. */
  private homes(entry: Entry): number[] {
    const parent = entry.parent === null ? undefined : this.owners.get(entry.parent);
    if (parent !== undefined) return [parent];
    const found = new Set(entry.results.map((call) => this.owners.get(call)));
    // A result whose call is not on the page is shown by itself.
    return found.has(undefined) ? [] : ([...found] as number[]);
  }

  private join(at: number, entry: Entry): void {
    const row = this.rows[at] as Row;
    const inner = [...row.inner, entry];
    this.rows[at] = { ...row, inner, live: row.live || entry.k !== null };
  }
}
