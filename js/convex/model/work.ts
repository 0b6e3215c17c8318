import type { Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { cancelApprovals } from "./approvals";
import { changeSession } from "./sessions";
import { clearAllStreams } from "./streams";
import { idsOf, personOf } from "./users";

/**
 * End what a person does in a session, now that they may not any more: their lease is free, what
 * they were writing goes, and what their machines ask is cancelled.
 */
export async function endWork(ctx: MutationCtx, sessionId: Id<"sessions">, userId: Id<"users">) {
  const theirs = await idsOf(ctx.db, await personOf(ctx.db, userId));
  await cancelApprovals(ctx, sessionId, theirs);
  const lease = await ctx.db
    .query("leases")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .unique();
  if (lease === null || !theirs.has(lease.heldBy)) return;
  await ctx.db.delete("leases", lease._id);
  // Whoever has the lease is the only one who writes, so all live pieces are theirs.
  await clearAllStreams(ctx, sessionId);
  const session = await ctx.db.get("sessions", sessionId);
  if (session?.isClaudeBusy)
    await changeSession(ctx, session, { phase: { type: "idle" }, isClaudeBusy: false });
}
