/** One writer at a time (S4), by the server's clock; each session has one row at most. */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import { type Access, rowOf, type Writing } from "./access";
import { checkSize, TEXT_BYTES } from "./limits";

const SHORTEST_MS = 1_000;
const LONGEST_MS = 5 * 60_000;

interface Wish {
  holder: string;
  ttlMs: number;
}

/** Take a lease: granted unless another holder's has not expired yet. */
export async function takeLease(ctx: Writing, access: Access, wish: Wish & { label: string }) {
  checkSize("A lease", { ...wish }, TEXT_BYTES);
  const { holder, label } = wish;
  const row = await leaseOf(ctx.db, access.sessionId);
  const now = Date.now();
  if (row !== null && row.holder !== holder && row.expiresAt > now)
    return { granted: false, lease: leaseRow(row), now };
  const kept = row !== null && row.holder === holder && row.expiresAt > now;
  const changes = {
    holder,
    label,
    since: kept ? row.since : now,
    expiresAt: now + lifetime(wish.ttlMs),
  };
  if (row === null) {
    const { userId } = await rowOf(ctx, access);
    const { sessionId, clientId: session } = access;
    await ctx.db.insert("leases", { sessionId, userId, session, ...changes });
  } else await ctx.db.patch("leases", row._id, changes);
  return { granted: true, lease: { session: access.clientId, ...changes }, now };
}

/** Renew a lease that is still the holder's. One that expired is, while nobody else took it. */
export async function extendLease(ctx: Writing, access: Access, { holder, ttlMs }: Wish) {
  const row = await leaseOf(ctx.db, access.sessionId);
  const now = Date.now();
  if (row === null || row.holder !== holder)
    return { granted: false, lease: row && leaseRow(row), now };
  const expiresAt = now + lifetime(ttlMs);
  await ctx.db.patch("leases", row._id, { expiresAt });
  return { granted: true, lease: { ...leaseRow(row), expiresAt }, now };
}

export async function leaseOf(db: DatabaseReader, sessionId: Id<"sessions">) {
  return await db
    .query("leases")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .unique();
}

/** Return what clients see of a lease's row. */
export function leaseRow({ session, holder, label, since, expiresAt }: Doc<"leases">) {
  return { session, holder, label, since, expiresAt };
}

function lifetime(ttlMs: number) {
  return Math.max(SHORTEST_MS, Math.min(ttlMs || 0, LONGEST_MS));
}
