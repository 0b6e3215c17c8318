/** The rows of people with an account of this deployment. */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, MutationCtx } from "../_generated/server";
import { rateLimit, resetRateLimit } from "./rates";
import { hashOf } from "./sha256";
import { ourIssuers, type Person } from "./tokens";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** A sign-in that nobody renewed for so long ends. */
const IDLE_MS = 30 * DAY;
/** Whoever lost the answer to a renewal may ask once more within this time. */
const LOST_ANSWER_MS = MINUTE;

export function plainEmail(email: string): string {
  return email.normalize("NFKC").trim().toLowerCase();
}

/** Count a try of an address; return when the next one is free, null if this one was. */
export async function countTry(ctx: MutationCtx, email: string): Promise<number | null> {
  return await count(ctx, email, "signIn", "signIns");
}

/** Count a mail that an address is to get, in the same way. */
export async function countMail(ctx: MutationCtx, email: string): Promise<number | null> {
  return await count(ctx, email, "mail", "mails");
}

async function count(
  ctx: MutationCtx,
  email: string,
  own: "signIn" | "mail",
  all: "signIns" | "mails",
) {
  const said = await rateLimit(ctx, { name: own, key: hashOf(plainEmail(email)) });
  return said.ok ? await countAny(ctx, all) : freeAt(said);
}

/** Count what anybody may do so often, whatever the address; in the same way. */
export async function countAny(ctx: MutationCtx, name: "signIns" | "mails") {
  return freeAt(await rateLimit(ctx, { name }));
}

function freeAt({ ok, retryAt }: { ok: boolean; retryAt?: number | undefined }) {
  return ok ? null : (retryAt ?? Date.now() + MINUTE);
}

export async function forgetTries(ctx: MutationCtx, email: string) {
  await resetRateLimit(ctx, { name: "signIn", key: hashOf(email) });
}

export async function accountOf(db: DatabaseReader, email: string) {
  return await db
    .query("accounts")
    .withIndex("by_email", (q) => q.eq("email", plainEmail(email)))
    .unique();
}

/** Remove an account with its codes and sign-ins. */
export async function removeAccount(ctx: MutationCtx, { _id, email }: Doc<"accounts">) {
  await dropCodes(ctx, email);
  await endAll(ctx, _id);
  await ctx.db.delete("accounts", _id);
}

/** Find the account of an identity, if it is one of this deployment's. */
export async function accountBehind(db: DatabaseReader, identity: string) {
  const at = identity.lastIndexOf("|");
  const id = db.normalizeId("accounts", identity.slice(at + 1));
  // Any other issuer may call its people as it likes, like our accounts, too.
  if (id === null || !ourIssuers().includes(identity.slice(0, at))) return null;
  return await db.get("accounts", id);
}

export function personOf({ _id, email, name }: Doc<"accounts">): Person {
  return { subject: _id, email, name };
}

/** Keep a code by which the owner of an address may sign in, beside those that there are. */
export async function addCode(
  ctx: MutationCtx,
  { email, name, ...code }: { email: string; name?: string; codeHash: string; expiresAt: number },
) {
  const address = plainEmail(email);
  await ctx.db.insert("accountCodes", {
    email: address,
    name: name || (address.split("@")[0] ?? address),
    ...code,
  });
}

/** Use up a code, and with it all of its address; return its row, null where it isn't good. */
export async function useCode(ctx: MutationCtx, email: string, codeHash: string) {
  const row = (await codesOf(ctx.db, email)).find((each) => each.codeHash === codeHash);
  if (row === undefined || row.expiresAt <= Date.now()) return null;
  await dropCodes(ctx, email);
  return row;
}

export async function dropCodes(ctx: MutationCtx, email: string) {
  for (const { _id } of await codesOf(ctx.db, email)) await ctx.db.delete("accountCodes", _id);
}

async function codesOf(db: DatabaseReader, email: string) {
  return await db
    .query("accountCodes")
    .withIndex("by_email", (q) => q.eq("email", plainEmail(email)))
    .collect();
}

// ---- sign-ins ------------------------------------------------------------------------------

export async function addSignIn(
  ctx: MutationCtx,
  accountId: Id<"accounts">,
  { key, secretHash }: { key: string; secretHash: string },
) {
  const now = Date.now();
  const row = { accountId, key, secretHash, rotatedAt: now, expiresAt: now + IDLE_MS };
  await ctx.db.insert("signIns", row);
}

/**
 * Put the next secret in a sign-in's place of the last one; return its account.
 *
 * A secret that was used before ends the sign-in for everybody who has a part of it: one of them
 * stole it. Only the last one may come again for a moment, from a client that lost the answer.
 */
export async function rotate(ctx: MutationCtx, key: string, secretHash: string, nextHash: string) {
  const row = await signInOf(ctx.db, key);
  if (row === null) return null;
  const now = Date.now();
  const account = await ctx.db.get("accounts", row.accountId);
  if (account !== null && row.expiresAt > now) {
    const next = { secretHash: nextHash, expiresAt: now + IDLE_MS };
    if (row.secretHash === secretHash) {
      const last = { previousHash: secretHash, rotatedAt: now };
      await ctx.db.patch("signIns", row._id, { ...next, ...last });
      return account;
    }
    if (row.previousHash === secretHash && now < row.rotatedAt + LOST_ANSWER_MS) {
      await ctx.db.patch("signIns", row._id, next);
      return account;
    }
  }
  await ctx.db.delete("signIns", row._id);
  return null;
}

/** End a sign-in, or all of its account; whoever asks proves by the secret that it is theirs. */
export async function endSignIn(
  ctx: MutationCtx,
  { key, secretHash, everywhere }: { key: string; secretHash: string; everywhere: boolean },
) {
  const row = await signInOf(ctx.db, key);
  if (row === null || row.secretHash !== secretHash) return;
  if (everywhere) await endAll(ctx, row.accountId);
  else await ctx.db.delete("signIns", row._id);
}

export async function endAll(ctx: MutationCtx, accountId: Id<"accounts">) {
  const rows = ctx.db.query("signIns").withIndex("by_account", (q) => q.eq("accountId", accountId));
  for (const { _id } of await rows.collect()) await ctx.db.delete("signIns", _id);
}

async function signInOf(db: DatabaseReader, key: string) {
  return await db
    .query("signIns")
    .withIndex("by_key", (q) => q.eq("key", key))
    .unique();
}
