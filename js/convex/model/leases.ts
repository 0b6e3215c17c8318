/** One writer at a time (S4), by the server's clock; each session has one row at most. */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import { type Access, rowOf, type Writing } from "./access";
import { checkSize, TEXT_BYTES } from "./limits";
import { idsOf } from "./users";
import { endWork } from "./work";

const SHORTEST_MS = 1_000;
const LONGEST_MS = 5 * 60_000;

interface Wish {
  holder: string;
  ttlMs: number;
}

/**
 * Take a lease: granted unless another holder's has not expired yet. With `takeOver` the session's
 * owner gets it even then, from a member, whose work in it ends.
 */
export async function takeLease(
  ctx: Writing,
  access: Access,
  wish: Wish & { label: string; takeOver?: boolean },
) {
  const { takeOver = false, holder, label, ttlMs } = wish;
  checkSize("A lease", { holder, label, ttlMs }, TEXT_BYTES);
  const row = await leaseOf(ctx.db, access.sessionId);
  const now = Date.now();
  const mine = await idsOf(ctx.db, ctx.user);
  const live = row !== null && row.expiresAt > now;
  if (live && !isHeldBy(row, holder, mine)) {
    if (!takeOver || access.role !== "owner" || mine.has(row.heldBy))
      return { granted: false, lease: leaseRow(row, mine), now };
    await endWork(ctx, access.sessionId, row.heldBy);
    return { granted: true, lease: await insertLease(ctx, access, wish, now), now };
  }
  if (row === null) return { granted: true, lease: await insertLease(ctx, access, wish, now), now };
  const changes = {
    holder,
    label,
    name: ctx.user.name,
    heldBy: ctx.user._id,
    since: live ? row.since : now,
    expiresAt: now + lifetime(ttlMs),
  };
  await ctx.db.patch("leases", row._id, changes);
  return { granted: true, lease: leaseRow({ ...row, ...changes }, mine), now };
}

async function insertLease(
  ctx: Writing,
  access: Access,
  { holder, label, ttlMs }: Wish & { label: string },
  now: number,
) {
  const { userId } = await rowOf(ctx, access);
  const { sessionId, clientId: session } = access;
  const { name, _id: heldBy } = ctx.user;
  const row = { session, holder, label, name, since: now, expiresAt: now + lifetime(ttlMs) };
  await ctx.db.insert("leases", { ...row, sessionId, userId, heldBy });
  return { ...row, mine: true };
}

/** Renew a lease that is still the holder's. One that expired is, while nobody else took it. */
export async function extendLease(ctx: Writing, access: Access, { holder, ttlMs }: Wish) {
  const row = await leaseOf(ctx.db, access.sessionId);
  const now = Date.now();
  const mine = await idsOf(ctx.db, ctx.user);
  if (row === null || !isHeldBy(row, holder, mine))
    return { granted: false, lease: row && leaseRow(row, mine), now };
  const expiresAt = now + lifetime(ttlMs);
  await ctx.db.patch("leases", row._id, { expiresAt });
  return { granted: true, lease: { ...leaseRow(row, mine), expiresAt }, now };
}

/** Give a lease back, if it is still the holder's. */
export async function giveBackLease(ctx: Writing, { sessionId }: Access, holder: string) {
  const row = await leaseOf(ctx.db, sessionId);
  if (row !== null && isHeldBy(row, holder, await idsOf(ctx.db, ctx.user)))
    await ctx.db.delete("leases", row._id);
}

/** All members see a holder's name, so it alone proves nothing. */
function isHeldBy(row: Doc<"leases">, holder: string, mine: Set<Id<"users">>) {
  return row.holder === holder && mine.has(row.heldBy);
}

export async function leaseOf(db: DatabaseReader, sessionId: Id<"sessions">) {
  return await db
    .query("leases")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .unique();
}

/** Return what a member, whose ids are `mine`, sees of a lease's row. */
export function leaseRow(lease: Doc<"leases">, mine: Set<Id<"users">>) {
  const { session, holder, label, name, since, expiresAt, heldBy } = lease;
  return { session, holder, label, name, since, expiresAt, mine: mine.has(heldBy) };
}

function lifetime(ttlMs: number) {
  return Math.max(SHORTEST_MS, Math.min(ttlMs || 0, LONGEST_MS));
}
