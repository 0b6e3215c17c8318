/** Who is here: `presence` is who has what open, `beats` who is alive. */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Writing } from "./access";

/** A server that has not been heard of for so long is gone. */
export const ALIVE_MS = 30_000;
/** The dead that one heartbeat buries. */
const FEW = 3;

/** Note that a server was heard of. */
export async function beat(ctx: Writing, clientKey: string) {
  const row = await beatOf(ctx, ctx.user._id, clientKey);
  const seenAt = Date.now();
  if (row === null) await ctx.db.insert("beats", { userId: ctx.user._id, clientKey, seenAt });
  else await ctx.db.patch("beats", row._id, { seenAt });
}

/** Make a server's rows be these sessions; a row that stays the same is not written. */
export async function meet(
  ctx: Writing,
  server: { clientKey: string; label: string },
  open: Map<Id<"sessions">, boolean>,
) {
  const userId = ctx.user._id;
  const rows = await presenceOf(ctx, userId, server.clientKey);
  const known = new Map(rows.map((row) => [row.sessionId, row]));
  for (const [sessionId, watching] of open) {
    const row = known.get(sessionId);
    known.delete(sessionId);
    const { label } = server;
    if (row === undefined) {
      const since = Date.now();
      await ctx.db.insert("presence", { sessionId, userId, watching, since, ...server });
    } else if (row.watching !== watching || row.label !== label)
      await ctx.db.patch("presence", row._id, { watching, label });
  }
  for (const gone of known.values()) await ctx.db.delete("presence", gone._id);
}

/** Delete all rows of a server. */
export async function leaveOf(ctx: MutationCtx, userId: Id<"users">, clientKey: string) {
  const row = await beatOf(ctx, userId, clientKey);
  if (row !== null) await ctx.db.delete("beats", row._id);
  for (const each of await presenceOf(ctx, userId, clientKey))
    await ctx.db.delete("presence", each._id);
}

/** Delete the rows of a user's servers that are gone, so that the living needn't wait for a cron. */
export async function forget(ctx: MutationCtx, userId: Id<"users">) {
  const dead = await ctx.db
    .query("beats")
    .withIndex("by_user", (q) => q.eq("userId", userId).lt("seenAt", Date.now() - ALIVE_MS))
    .take(FEW);
  await bury(ctx, dead);
}

/** Delete the rows of servers that are gone. */
export async function bury(ctx: MutationCtx, dead: Doc<"beats">[]) {
  for (const { userId, clientKey } of dead) await leaveOf(ctx, userId, clientKey);
}

async function beatOf(ctx: MutationCtx, userId: Id<"users">, clientKey: string) {
  return await ctx.db
    .query("beats")
    .withIndex("by_client", (q) => q.eq("userId", userId).eq("clientKey", clientKey))
    .unique();
}

/** A server names at most 100 sessions, so this reads no more. */
async function presenceOf(ctx: MutationCtx, userId: Id<"users">, clientKey: string) {
  return await ctx.db
    .query("presence")
    .withIndex("by_client", (q) => q.eq("userId", userId).eq("clientKey", clientKey))
    .collect();
}
