import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, MutationCtx } from "../_generated/server";
import type { Access, Writing } from "./access";
import { checkBody } from "./bodies";
import { refusal } from "./errors";
import { checkCount } from "./limits";
import { idsOf } from "./users";
import type { ApprovalInput, ApprovalRow } from "./values";

export const PENDING = "pending";
/** What nobody will decide any more. */
const CANCELLED = "cancelled";
/** Pending approvals that are cancelled at once; a machine asks one or a few at a time. */
const FEW = 50;

/**
 * Insert approvals, or decide those that are still pending. A decision is final: the first one
 * stands, whoever comes later. While pending, an approval stays as it was asked.
 */
export async function upsertApprovals(ctx: Writing, access: Access, approvals: ApprovalInput[]) {
  checkCount("approvals", approvals);
  for (const approval of approvals) {
    await checkBody(ctx.db, access.sessionId, approval);
    const known = await findApproval(ctx, access, approval.clientId);
    if (known === null) await insertApproval(ctx, access, approval);
    else if (known.status === PENDING && approval.status !== PENDING)
      await decideApproval(ctx, known, approval);
  }
}

async function insertApproval(ctx: Writing, { sessionId }: Access, approval: ApprovalInput) {
  const { _id, name } = ctx.user;
  await ctx.db.insert("approvals", {
    ...approval,
    sessionId,
    raisedById: _id,
    raisedByName: name,
    ...(approval.status === PENDING ? {} : { deciderId: _id, deciderName: name }),
    updatedAt: Date.now(),
  });
}

/**
 * Write a decision. What is decided is what Claude may do on a machine, so it is for the person
 * whose machine asks; others decide where that person said so, and can't say so themselves.
 */
async function decideApproval(ctx: Writing, known: Doc<"approvals">, decision: ApprovalInput) {
  if (!mayDecide(known, await idsOf(ctx.db, ctx.user))) throw notYours(known);
  const { sessionId, raisedById, raisedByName, editorsMay } = known;
  await ctx.db.replace("approvals", known._id, {
    ...decision,
    sessionId,
    raisedById,
    raisedByName,
    ...(editorsMay === undefined ? {} : { editorsMay }),
    deciderId: ctx.user._id,
    deciderName: ctx.user.name,
    updatedAt: Date.now(),
  });
}

function mayDecide({ raisedById, editorsMay }: Doc<"approvals">, mine: Set<Id<"users">>) {
  return mine.has(raisedById) || editorsMay === true;
}

function notYours({ clientId, raisedByName }: Doc<"approvals">) {
  return refusal(
    "Forbidden",
    `This would run on a machine of ${raisedByName}, who alone may allow it or not.`,
    { need: "raise", clientId },
  );
}

/** Cancel what a person's machine still asks, as nobody could ever decide it. */
export async function cancelApprovals(
  ctx: MutationCtx,
  sessionId: Id<"sessions">,
  theirs: Set<Id<"users">>,
) {
  for (const userId of theirs) {
    const pending = await ctx.db
      .query("approvals")
      .withIndex("by_raiser", (q) =>
        q.eq("sessionId", sessionId).eq("status", PENDING).eq("raisedById", userId),
      )
      .take(FEW);
    for (const { _id } of pending)
      await ctx.db.patch("approvals", _id, { status: CANCELLED, updatedAt: Date.now() });
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

/** Return what a member, whose ids are `mine`, sees of an approval's row. */
export function approvalRow(
  approval: Doc<"approvals">,
  { role }: Access,
  mine: Set<Id<"users">>,
): ApprovalRow {
  const {
    _id,
    _creationTime,
    sessionId,
    raisedById,
    raisedByName,
    deciderId,
    deciderName = "",
    ...row
  } = approval;
  return {
    ...row,
    editorsMay: row.editorsMay === true,
    raisedBy: { name: raisedByName, me: mine.has(raisedById) },
    decidedBy: deciderId === undefined ? null : { name: deciderName, me: mine.has(deciderId) },
    mayDecide: role !== "viewer" && mayDecide(approval, mine),
  };
}
