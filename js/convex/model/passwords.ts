/** Passwords: how they are kept. Slow on purpose, so only actions may do it. */
import { scrypt } from "@noble/hashes/scrypt.js";
import { base64url } from "jose";

// OWASP's Password Storage Cheat Sheet; this pair needs 16 MiB, of the 64 that Convex's runtime has.
const COST = { N: 2 ** 14, r: 8, p: 5, dkLen: 32 };
const SALT_BYTES = 16;
/** What is compared where there is no password, so that this takes as long. */
const NONE = ["scrypt", COST.N, COST.r, COST.p, "AAAAAAAAAAAAAAAAAAAAAA", ""].join("$");

/** Return what is kept of a password. */
export function hashPassword(password: string): string {
  const { N, r, p } = COST;
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const made = scrypt(password.normalize("NFKC"), salt, COST);
  return ["scrypt", N, r, p, base64url.encode(salt), base64url.encode(made)].join("$");
}

/** Say whether this is the password; where none is kept it isn't, in the same time. */
export function isPassword(password: string, kept: string | null): boolean {
  const [, N, r, p, salt = "", hash = ""] = (kept ?? NONE).split("$");
  const cost = { N: Number(N), r: Number(r), p: Number(p), dkLen: COST.dkLen };
  const made = scrypt(password.normalize("NFKC"), base64url.decode(salt), cost);
  // How far two hashes agree says nothing of the password.
  return base64url.encode(made) === hash && kept !== null;
}
