import { internal } from "../_generated/api";
import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";

/** Rows deleted in one transaction; each is at most 64 KiB. */
const BATCH = 100;

/** Delete the live pieces that a session has now; others may come meanwhile. */
export async function clearAllStreams(ctx: MutationCtx, sessionId: Id<"sessions">) {
  const last = await ctx.db
    .query("streams")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .order("desc")
    .first();
  if (last !== null) await clearStreamsUpTo(ctx, sessionId, last.order);
}

/** Delete the live pieces up to a place; what doesn't fit goes in transactions of its own. */
export async function clearStreamsUpTo(ctx: MutationCtx, sessionId: Id<"sessions">, upTo: number) {
  const rows = await ctx.db
    .query("streams")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId).lte("order", upTo))
    .take(BATCH);
  for (const row of rows) await ctx.db.delete("streams", row._id);
  if (rows.length === BATCH)
    await ctx.scheduler.runAfter(0, internal.sweeps.clearStreamsUpTo, { sessionId, upTo });
}

/** Delete the live pieces of these messages; what doesn't fit goes in transactions of its own. */
export async function clearStreams(ctx: MutationCtx, sessionId: Id<"sessions">, ids: string[]) {
  let left = BATCH;
  for (const id of ids) {
    const rows = await ctx.db
      .query("streams")
      .withIndex("by_message", (q) => q.eq("sessionId", sessionId).eq("messageClientId", id))
      .take(left);
    for (const row of rows) await ctx.db.delete("streams", row._id);
    left -= rows.length;
    if (left > 0) continue;
    const rest = ids.slice(ids.indexOf(id));
    await ctx.scheduler.runAfter(0, internal.sweeps.clearStreams, { sessionId, ids: rest });
    return;
  }
}
