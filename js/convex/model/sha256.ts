import { sha256 as digest } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { refusal } from "./errors";

/** Return what is kept of a secret that was drawn at random: its sha256 in hex. */
export function hashOf(secret: string): string {
  return bytesToHex(digest(utf8ToBytes(secret)));
}

/** Refuse what a client can't have made of a code by `hashOf`. */
export function checkHash(codeHash: string) {
  if (!/^[0-9a-f]{64}$/.test(codeHash))
    throw refusal("Invalid", "`codeHash` is no sha256 in lower-case hex.");
}

/**
 * Return a sha256 in lower-case hex. Convex gives base64 to functions that were bundled with
 * npm's convex 1.9 or later, and hex, as its documentation shows, to older ones.
 */
export function hexOf(sha256: string) {
  if (/^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase();
  const bytes = atob(sha256.replaceAll("-", "+").replaceAll("_", "/"));
  return [...bytes].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
