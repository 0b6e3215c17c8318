// Convex's limits on values, which convex-test does not hold anyone to.
// Source: https://docs.convex.dev/production/state/limits and convex/values.
import { getConvexSize, type Value } from "convex/values";

const MIB = 1 << 20;
export const MAX_ARGUMENTS = 16 * MIB;
export const MAX_RESULT = 16 * MIB;
const MAX_DOCUMENT = MIB;
const MAX_FIELDS = 1024;
const MAX_ELEMENTS = 8192;
const MAX_DEPTH = 16;
const MAX_NAME = 1024;
/** Values that are passed and returned may nest deeper than documents. */
const MAX_VALUE_DEPTH = 64;

export class LimitError extends Error {
  override name = "Error";
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(2);
}

function checkName(name: string): void {
  const short = name.slice(0, 80);
  if (name === "") throw new LimitError("Field names must be nonempty");
  if (name.length > MAX_NAME)
    throw new LimitError(`Field name ${short} exceeds maximum field name length ${MAX_NAME}.`);
  if (name.startsWith("$"))
    throw new LimitError(`Field name ${short} starts with a '$', which is reserved.`);
  if (!/^[\x20-\x7e]*$/.test(name))
    throw new LimitError(
      `Field name ${short} has invalid character: Field names can only contain non-control ASCII characters`,
    );
}

function check(value: unknown, left: number, most: number): void {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new LimitError("String is not valid Unicode");
    return;
  }
  if (value === null || typeof value !== "object" || value instanceof ArrayBuffer) return;
  if (left === 0) throw new LimitError(`Value is too nested (maximum nesting: ${most})`);
  if (Array.isArray(value)) {
    if (value.length > MAX_ELEMENTS)
      throw new LimitError(
        `Array length is too long (${value.length} > maximum length ${MAX_ELEMENTS})`,
      );
    for (const item of value) check(item, left - 1, most);
    return;
  }
  const fields = Object.entries(value).filter(([, item]) => item !== undefined);
  if (fields.length > MAX_FIELDS)
    throw new LimitError(
      `Object has too many fields (${fields.length} > maximum number ${MAX_FIELDS})`,
    );
  for (const [name, item] of fields) {
    checkName(name);
    check(item, left - 1, most);
  }
}

/** Refuse a document that Convex wouldn't store. */
export function checkDocument(document: Record<string, unknown>): void {
  for (const name of Object.keys(document))
    if (name.startsWith("_") && name !== "_id" && name !== "_creationTime")
      throw new LimitError(`Field name ${name} starts with an '_', which is reserved.`);
  check(document, MAX_DEPTH, MAX_DEPTH);
  const size = getConvexSize(document as Value);
  if (size > MAX_DOCUMENT)
    throw new LimitError(`Value is too large (${mib(size)} MiB > maximum size 1 MiB)`);
}

/** Refuse arguments, or a result, that Convex wouldn't carry. */
export function checkCarried(what: string, value: Value, most: number): void {
  check(value, MAX_VALUE_DEPTH, MAX_VALUE_DEPTH);
  const size = getConvexSize(value);
  if (size > most)
    throw new LimitError(`${what} too large (${mib(size)} MiB > maximum size ${mib(most)} MiB)`);
}
