import { internal } from "../_generated/api";
import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";

/** Rows deleted in one transaction; each is at most 64 KiB. */
const BATCH = 100;

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
