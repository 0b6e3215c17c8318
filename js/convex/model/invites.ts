/** Codes that let others in: only their hashes are here, and each has an end. */
import type { Doc } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import { type Access, accessTo, type Writing } from "./access";
import { refusal } from "./errors";
import { COUNTS, checkSize, TEXT_BYTES } from "./limits";
import { giveRole, isAbove, join, ownMember } from "./members";
import { checkHash, hashOf } from "./sha256";
import { sharedRow } from "./shared";
import type { GuestRole } from "./values";

const MOST_USES = 100;
/** A longer text is no code. */
const LONGEST_CODE = 200;
const LONGEST_MS = 30 * 24 * 60 * 60_000;

interface Wish {
  invite: string;
  codeHash: string;
  role: GuestRole;
  uses: number;
  ttlMs: number;
}

/** Make an invitation; the same one again changes nothing (S2). */
export async function createInvite(ctx: Writing, { sessionId }: Access, wish: Wish) {
  checkWish(wish);
  const known = await findInvite(ctx.db, sessionId, wish.invite);
  if (known?.codeHash === wish.codeHash) return known;
  const taken = known !== null || (await inviteOfHash(ctx, wish.codeHash)) !== null;
  if (taken) throw refusal("Invalid", "There is an invitation with this id or code already.");
  const limit = COUNTS.invitations;
  if ((await invitesOf(ctx.db, sessionId)).length >= limit)
    throw refusal("TooLarge", `A session has ${limit} invitations at most.`, { limit });
  const { invite: clientId, codeHash, role, uses: usesLeft, ttlMs } = wish;
  const row = { sessionId, clientId, codeHash, role, usesLeft, expiresAt: Date.now() + ttlMs };
  await ctx.db.insert("invites", row);
  return row;
}

function checkWish({ invite, codeHash, uses, ttlMs }: Wish) {
  checkSize("An invitation's id", invite, TEXT_BYTES);
  checkHash(codeHash);
  if (!Number.isInteger(uses) || uses < 1 || uses > MOST_USES)
    throw refusal("Invalid", `An invitation is for 1 to ${MOST_USES} uses.`);
  if (!(ttlMs > 0 && ttlMs <= LONGEST_MS))
    throw refusal("Invalid", "An invitation lasts 30 days at most.");
}

/**
 * Let the caller in by a code, or raise their role; null if the code is not good for that. It
 * takes one use, and none from whoever has what it gives.
 */
export async function redeemCode(ctx: Writing, code: string): Promise<Access | null> {
  if (code.length > LONGEST_CODE) return null;
  const invite = await inviteOfHash(ctx, hashOf(code));
  if (invite === null || invite.expiresAt <= Date.now()) return null;
  const session = await ctx.db.get("sessions", invite.sessionId);
  if (session === null || session.deletedAt !== undefined) return null;
  const { clientId } = session;
  const access = await accessTo(ctx, clientId);
  if (access !== null && access.sessionId !== session._id)
    throw refusal("Invalid", "A session of your own has the same id.");
  if (access !== null && !isAbove(invite.role, access.role)) return access;
  if (invite.usesLeft < 1 || (await isBarred(ctx, invite, clientId))) return access;
  if (access === null) await join(ctx, session, invite.role);
  else await giveRole(ctx, await ownMember(ctx, access), invite.role);
  await ctx.db.patch("invites", invite._id, { usesLeft: invite.usesLeft - 1 });
  return await accessTo(ctx, clientId);
}

/** Say whether the owner took something from the caller after this invitation was made. */
async function isBarred(ctx: Writing, invite: Doc<"invites">, clientId: string) {
  const row = await sharedRow(ctx.db, ctx.user, clientId);
  return (row?.barredAt ?? 0) >= invite._creationTime;
}

async function inviteOfHash(ctx: Writing, codeHash: string) {
  return await ctx.db
    .query("invites")
    .withIndex("by_code", (q) => q.eq("codeHash", codeHash))
    .unique();
}

/** Find an invitation of a session by the id that its maker gave it. */
export async function findInvite(
  db: DatabaseReader,
  sessionId: Access["sessionId"],
  clientId: string,
) {
  return await db
    .query("invites")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId).eq("clientId", clientId))
    .unique();
}

/** Return a session's invitations. */
export async function invitesOf(db: DatabaseReader, sessionId: Access["sessionId"]) {
  return await db
    .query("invites")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .take(COUNTS.invitations);
}

/** Return what the owner sees of an invitation. */
export function inviteRow(row: Doc<"invites">) {
  const { clientId: invite, role, usesLeft, expiresAt, _creationTime: createdAt } = row;
  return { invite, role, usesLeft, expiresAt, createdAt };
}
