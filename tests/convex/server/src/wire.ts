// JSON as the Rust backend writes it: numbers inside values are floats, so 1 is "1.0".
import { type JSONValue, jsonToConvex } from "convex/values";

export type Json = JSONValue;

/** A Convex value in its JSON form, told apart from the protocol's own numbers. */
export class Value {
  readonly json: Json;
  constructor(json: Json) {
    this.json = json;
  }
}

export type Wire =
  | null
  | undefined
  | boolean
  | number
  | string
  | Value
  | readonly Wire[]
  | { readonly [key: string]: Wire };

function float(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) >= 1e16) return String(value);
  return Object.is(value, -0) ? "-0.0" : `${value}.0`;
}

/** Write a message; what is undefined is left out. */
export function encode(value: Wire, insideValue = false): string {
  if (value instanceof Value) return encode(value.json, true);
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return insideValue ? float(value) : String(value);
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => encode(item, insideValue)).join(",")}]`;
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${JSON.stringify(key)}:${encode(item, insideValue)}`);
  return `{${fields.join(",")}}`;
}

/** Return a value in the "json" format of the HTTP API: int64 as text, bytes as base64. */
export function clean(json: Json): Json {
  if (Array.isArray(json)) return json.map(clean);
  if (json === null || typeof json !== "object") return json;
  const [key, ...more] = Object.keys(json);
  if (more.length === 0) {
    if (key === "$integer") return String(jsonToConvex(json));
    if (key === "$bytes") return json.$bytes ?? null;
    if (key === "$float") return cleanFloat(jsonToConvex(json) as number);
  }
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, clean(item)]));
}

function cleanFloat(value: number): Json {
  return Object.is(value, -0) ? -0 : String(value);
}

export function encodeU64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("base64");
}

export function decodeU64(text: string): bigint {
  return Buffer.from(text, "base64").readBigUInt64LE();
}

/**
 * Read what a client sent.
 *
 * Rust's strings hold no lone surrogates, so the backend refuses an escape that makes one.
 */
export function decode(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // UTF-8 holds no lone surrogate: only an escape can.
  if (/\\u[dD][89a-fA-F]/.test(text)) refuseLoneSurrogates(value);
  return value;
}

function refuseLoneSurrogates(value: unknown): void {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new SyntaxError("lone leading surrogate in hex escape");
  } else if (value !== null && typeof value === "object") {
    for (const [key, item] of Object.entries(value)) {
      refuseLoneSurrogates(key);
      refuseLoneSurrogates(item);
    }
  }
}
