/** Convex's limits as we keep them; a batch that breaks one is refused with a word about it. */
import { getConvexSize, getDocumentSize, type Value } from "convex/values";
import { refusal } from "./errors";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A document may have 1 MiB; the rest is for the fields that the server adds. */
export const ROW_BYTES = MIB - 8 * KIB;
/** What one call may write: half of what a transaction may. */
export const CALL_BYTES = 8 * MIB;
/** Where a page ends, whatever its limit of rows: a query may read 16 MiB. */
export const PAGE_BYTES = 4 * MIB;
export const JSON_BYTES = 256 * KIB;
export const EXTRA_BYTES = 64 * KIB;
export const TEXT_BYTES = 4 * KIB;
export const DELTA_BYTES = 64 * KIB;

/** Rows in one call. */
export const COUNTS = {
  messages: 500,
  blocks: 1000,
  todos: 500,
  approvals: 50,
  transcripts: 50,
  chunks: 200,
  deltas: 50,
  sessions: 100,
  ids: 100,
  invitations: 50,
  /** Besides the owner. A change of a session is written into the list of each. */
  members: 50,
};

/** Refuse a list that is too long. */
export function checkCount(what: keyof typeof COUNTS, list: readonly unknown[]) {
  const limit = COUNTS[what];
  if (list.length > limit)
    throw refusal("TooLarge", `There are ${list.length} ${what}; at most ${limit} fit.`, { limit });
}

/** Refuse a value of more than `limit` bytes; `id` says which one it was. */
export function checkSize(what: string, value: Value | undefined, limit: number, id?: string) {
  const size = getConvexSize(value);
  if (size <= limit) return;
  const which = id === undefined ? {} : { clientId: id };
  throw refusal("TooLarge", `${what} is ${size} bytes; at most ${limit} fit.`, { limit, ...which });
}

/** Refuse a number that is none or no end: it would stay in every sum and order. */
export function checkFinite(what: string, value: number | null | undefined, id?: string) {
  if (value === undefined || value === null || Number.isFinite(value)) return;
  const which = id === undefined ? {} : { clientId: id };
  throw refusal("Invalid", `${what} is no number that can be kept.`, which);
}

/** Return a page's size in rows: what was asked for, but from 1 to `most`. */
export function clamp(wanted: number | undefined, most: number) {
  return Math.max(1, Math.min(Math.floor(wanted ?? most) || 1, most));
}

/** Read rows up to a count and a size; `more` says that there are others behind them. */
export async function readUpTo<Row extends Record<string, unknown>>(
  rows: AsyncIterable<Row>,
  limit: number,
  bytes = PAGE_BYTES,
): Promise<{ rows: Row[]; more: boolean }> {
  const found: Row[] = [];
  let size = 0;
  for await (const row of rows) {
    size += getDocumentSize(row as Record<string, Value>);
    if (found.length === limit || (found.length > 0 && size > bytes))
      return { rows: found, more: true };
    found.push(row);
  }
  return { rows: found, more: false };
}
