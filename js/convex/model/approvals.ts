import type { Doc } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import type { Access, Writing } from "./access";
import { checkBody } from "./bodies";
import { checkCount } from "./limits";
import type { ApprovalInput, ApprovalRow } from "./values";

export const PENDING = "pending";

/**
 * Insert approvals, or decide those that are still pending. A decision is final: the first one
 * stands, whoever comes later. While pending, an approval stays as it was asked.
 */
export async function upsertApprovals(ctx: Writing, access: Access, approvals: ApprovalInput[]) {
  checkCount("approvals", approvals);
  for (const approval of approvals) {
    await checkBody(ctx.db, access.sessionId, approval);
    const known = await findApproval(ctx, access, approval.clientId);
    const row = { ...approval, sessionId: access.sessionId, updatedAt: Date.now() };
    if (known === null) await ctx.db.insert("approvals", row);
    else if (known.status === PENDING && approval.status !== PENDING)
      await ctx.db.replace("approvals", known._id, row);
  }
}

export async function findApproval(
  ctx: { db: DatabaseReader },
  { sessionId }: Access,
  clientId: string,
): Promise<Doc<"approvals"> | null> {
  return await ctx.db
    .query("approvals")
    .withIndex("by_client", (q) => q.eq("sessionId", sessionId).eq("clientId", clientId))
    .first();
}

/** Return what clients see of an approval's row. */
export function approvalRow(approval: Doc<"approvals">): ApprovalRow {
  const { _id, _creationTime, sessionId, ...row } = approval;
  return row;
}
