// Index keys and intervals of them: what a query read, and whether a change falls into it.
import { compareValues, type Value } from "convex/values";
import { type Document, internals, type RangeFilter } from "./internals.ts";

export type Key = readonly unknown[];

export interface Bound {
  key: Key;
  inclusive: boolean;
}

/** A part of one index; a bound's key may be a prefix. */
export interface Interval {
  table: string;
  fields: readonly string[];
  lower: Bound | null;
  upper: Bound | null;
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (typeof a === "number" && typeof b === "number" && a < b) return -1;
  if (typeof a === "number" && typeof b === "number" && a > b) return 1;
  return compareValues(a as Value | undefined, b as Value | undefined);
}

/** Compare as far as the shorter key goes. */
export function comparePrefix(a: Key, b: Key): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compare(a[i], b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

export function keyOf(document: Document, fields: readonly string[]): Key {
  return fields.map((field) =>
    field.includes(".") ? internals.evaluateFieldPath(field, document) : document[field],
  );
}

export function isAbove(key: Key, lower: Bound | null): boolean {
  if (lower === null) return true;
  const order = comparePrefix(key, lower.key);
  return order > 0 || (order === 0 && lower.inclusive);
}

export function isBelow(key: Key, upper: Bound | null): boolean {
  if (upper === null) return true;
  const order = comparePrefix(key, upper.key);
  return order < 0 || (order === 0 && upper.inclusive);
}

export function contains(interval: Interval, document: Document): boolean {
  const key = keyOf(document, interval.fields);
  return isAbove(key, interval.lower) && isBelow(key, interval.upper);
}

/** Return the bounds that a chain of eq, gt(e) and lt(e) sets. */
export function bounds(range: readonly RangeFilter[]): Pick<Interval, "lower" | "upper"> {
  const equal = range.filter((one) => one.type === "Eq").map(boundOf);
  const prefix: Bound | null = equal.length > 0 ? { key: equal, inclusive: true } : null;
  const low = range.find((one) => one.type === "Gt" || one.type === "Gte");
  const high = range.find((one) => one.type === "Lt" || one.type === "Lte");
  return {
    lower: low ? { key: [...equal, boundOf(low)], inclusive: low.type === "Gte" } : prefix,
    upper: high ? { key: [...equal, boundOf(high)], inclusive: high.type === "Lte" } : prefix,
  };
}

function boundOf(filter: RangeFilter): unknown {
  return internals.evaluateQueryValue(filter.value);
}
