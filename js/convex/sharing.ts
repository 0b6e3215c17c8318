import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { sessionFor } from "./model/access";
import { notFound, refusal } from "./model/errors";
import { createInvite, findInvite, inviteRow, invitesOf, redeemCode } from "./model/invites";
import { bar, dismiss, giveRole, memberFor, membersOf, ownMember } from "./model/members";
import { checkRateLimit, rateLimit } from "./model/rates";
import { shownSession } from "./model/sessions";
import {
  guestRole,
  invite as inviteShown,
  member as memberShown,
  role,
  sessionRow,
} from "./model/values";

const session = v.string();

/**
 * Invite others by a code, of which only the hash (sha256 in hex) is given and kept. The client
 * makes the code: 128 random bits.
 */
export const invite = authedMutation({
  args: {
    session,
    invite: v.string(),
    role: guestRole,
    codeHash: v.string(),
    uses: v.number(),
    ttlMs: v.number(),
  },
  returns: v.object({ invite: v.string(), expiresAt: v.number() }),
  handler: async (ctx, { session, ...wish }) => {
    const access = await sessionFor(ctx, session, "own");
    const { clientId, expiresAt } = await createInvite(ctx, access, wish);
    return { invite: clientId, expiresAt };
  },
});

/** Return a session's invitations, also those that are used up. */
export const invites = authedQuery({
  args: { session },
  returns: v.array(inviteShown),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "own");
    return (await invitesOf(ctx.db, sessionId)).map(inviteRow);
  },
});

/** Take an invitation back; who came by it stays. */
export const revoke = authedMutation({
  args: { session, invite: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "own");
    const row = await findInvite(ctx.db, sessionId, args.invite);
    if (row === null) throw notFound("invitation");
    await ctx.db.delete("invites", row._id);
    return null;
  },
});

/**
 * Become a member by a code. A code that is wrong, expired, used up or taken back is answered in
 * one way; answered, not refused by an error, which would undo that it was counted.
 */
export const redeem = authedMutation({
  args: { code: v.string() },
  returns: v.union(
    v.object({ session: sessionRow, role }),
    v.object({ refused: v.string(), message: v.string(), retryAt: v.optional(v.number()) }),
  ),
  handler: async (ctx, { code }) => {
    const tries = { name: "shareRedeem" as const, key: ctx.user._id };
    const { ok, retryAt = Date.now() } = await checkRateLimit(ctx, tries);
    if (!ok) {
      const message = "Too many wrong codes were given. Try again later.";
      return { refused: "RateLimited", message, retryAt };
    }
    const access = await redeemCode(ctx, code);
    if (access === null) {
      await rateLimit(ctx, tries);
      return { refused: "BadInvite", message: "This code lets nobody in, or not any more." };
    }
    return { session: await shownSession(ctx, access), role: access.role };
  },
});

/** Return who is a member, the owner first; e-mail addresses only to the owner. */
export const members = authedQuery({
  args: { session },
  returns: v.array(memberShown),
  handler: async (ctx, args) => await membersOf(ctx, await sessionFor(ctx, args.session, "read")),
});

/** Make a member an editor or a viewer. */
export const setRole = authedMutation({
  args: { session, member: v.string(), role: guestRole },
  returns: v.null(),
  handler: async (ctx, { session, member, role }) => {
    const access = await sessionFor(ctx, session, "own");
    await giveRole(ctx, await memberFor(ctx, access, member), role);
    return null;
  },
});

/** Make somebody be no member any more: their subscriptions end with this. */
export const remove = authedMutation({
  args: { session, member: v.string() },
  returns: v.null(),
  handler: async (ctx, { session, member }) => {
    const access = await sessionFor(ctx, session, "own");
    const row = await memberFor(ctx, access, member);
    await dismiss(ctx, row);
    await bar(ctx, row.userId, access.clientId);
    return null;
  },
});

/** Stop being a member. */
export const leave = authedMutation({
  args: { session },
  returns: v.null(),
  handler: async (ctx, args) => {
    const access = await sessionFor(ctx, args.session, "read");
    if (access.role === "owner")
      throw refusal("Invalid", "The owner can't leave a session, but delete it.");
    await dismiss(ctx, await ownMember(ctx, access));
    return null;
  },
});
