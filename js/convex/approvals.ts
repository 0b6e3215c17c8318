import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { sessionFor } from "./model/access";
import { approvalRow, findApproval, PENDING, upsertApprovals } from "./model/approvals";
import { notFound, refusal } from "./model/errors";
import { readUpTo } from "./model/limits";
import { idsOf } from "./model/users";
import { approvalInput, approvalRow as row } from "./model/values";

const session = v.string();
const SHOWN = 20;

/** Return the pending approvals and the last decided ones, the newest change last. */
export const open = authedQuery({
  args: { session },
  returns: v.array(row),
  handler: async (ctx, args) => {
    const access = await sessionFor(ctx, args.session, "read");
    const { sessionId } = access;
    const table = ctx.db.query("approvals");
    const newest = table
      .withIndex("by_session_updated", (q) => q.eq("sessionId", sessionId))
      .order("desc");
    const pending = ctx.db
      .query("approvals")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId).eq("status", PENDING));
    const some = [await readUpTo(newest, SHOWN), await readUpTo(pending, SHOWN)];
    const rows = new Map(some.flatMap((each) => each.rows).map((each) => [each._id, each]));
    const mine = await idsOf(ctx.db, ctx.user);
    return [...rows.values()]
      .sort((a, b) => a.updatedAt - b.updatedAt)
      .map((row) => approvalRow(row, access, mine));
  },
});

/** Insert approvals, or decide those that are still pending. */
export const upsert = authedMutation({
  args: { session, approvals: v.array(approvalInput) },
  returns: v.null(),
  handler: async (ctx, args) => {
    await upsertApprovals(ctx, await sessionFor(ctx, args.session, "write"), args.approvals);
    return null;
  },
});

/**
 * Decide a pending approval of one's own machine, or of another's that lets editors; return it as
 * it now stands, whoever was first.
 */
export const decide = authedMutation({
  args: {
    session,
    approval: v.string(),
    ...approvalInput.omit("clientId", "turnId", "editorsMay").fields,
  },
  returns: row,
  handler: async (ctx, { session, approval, ...decision }) => {
    if (decision.status === PENDING) throw refusal("Invalid", "That is no decision.");
    const access = await sessionFor(ctx, session, "write");
    const known = await findApproval(ctx, access, approval);
    if (known === null) throw notFound("approval");
    const { turnId } = known;
    await upsertApprovals(ctx, access, [{ clientId: approval, turnId, ...decision }]);
    const decided = (await findApproval(ctx, access, approval)) ?? known;
    return approvalRow(decided, access, await idsOf(ctx.db, ctx.user));
  },
});
