import type { UserIdentity } from "convex/server";
import { v } from "convex/values";
import { authedMutation, authedQuery, internalMutation } from "./functions";
import { notFound, refusal } from "./model/errors";
import { joinUsers, moveRows } from "./model/joining";
import { dropLinks, findLink, LINK_MS, openLink, whoIs } from "./model/links";
import { checkRateLimit, rateLimit } from "./model/rates";
import { checkHash } from "./model/sha256";
import { identitiesOf, userOf } from "./model/users";
import { linkedIdentity } from "./model/values";

/** Identities that one person may have. */
const MOST = 20;

/** What is answered, not thrown: an error would roll back that a try was counted. */
const refused = v.object({
  refused: v.union(v.literal("BadCode"), v.literal("OwnCode"), v.literal("RateLimited")),
  retryAt: v.optional(v.number()),
});

/** Make the caller's code, in the place of an earlier one; only its hash ever comes here. */
export const start = authedMutation({
  args: { codeHash: v.string() },
  returns: v.union(v.object({ expiresAt: v.number() }), refused),
  handler: async (ctx, { codeHash }) => {
    const maker = whoIs(await identityOf(ctx));
    checkHash(codeHash);
    const may = await rateLimit(ctx, { name: "linkStart", key: ctx.user._id });
    if (!may.ok) return tooOften(may);
    await dropLinks(ctx);
    const expiresAt = Date.now() + LINK_MS;
    await ctx.db.insert("links", { userId: ctx.user._id, codeHash, maker, expiresAt });
    return { expiresAt };
  },
});

/**
 * Say with a code that its maker is the same person. Without `agreed` it is only told who made
 * it; with that identity it is used up, and the maker has to confirm.
 */
export const redeem = authedMutation({
  args: { code: v.string(), agreed: v.optional(v.string()) },
  returns: v.union(v.object({ maker: linkedIdentity, expiresAt: v.number() }), refused),
  handler: async (ctx, { code, agreed }) => {
    const other = whoIs(await identityOf(ctx));
    const tries = { name: "linkRedeem" as const, key: ctx.user._id };
    const may = await checkRateLimit(ctx, tries);
    if (!may.ok) return tooOften(may);
    const link = await findLink(ctx.db, code);
    if (link === null) {
      await rateLimit(ctx, tries);
      return { refused: "BadCode" as const };
    }
    if (link.userId === ctx.user._id) return { refused: "OwnCode" as const };
    const { maker, expiresAt } = link;
    if (agreed === undefined) return { maker, expiresAt };
    if (agreed !== maker.tokenIdentifier) throw refusal("Invalid", "Somebody else made that code.");
    await ctx.db.patch("links", link._id, { other });
    return { maker, expiresAt };
  },
});

/** Join whoever redeemed the caller's code, having seen who that is. */
export const confirm = authedMutation({
  args: { identity: v.string() },
  returns: v.null(),
  handler: async (ctx, { identity }) => {
    const link = await openLink(ctx);
    const from = await userOf(ctx.db, identity);
    if (link?.other?.tokenIdentifier !== identity || from === null) throw notFound("link");
    await dropLinks(ctx);
    if (from._id === ctx.user._id) return null;
    if ((from.absorbing ?? ctx.user.absorbing) !== undefined)
      throw refusal("Busy", "Another link is still being worked in.");
    const known = [from, ctx.user].map(async ({ _id }) => await identitiesOf(ctx.db, _id));
    if ((await Promise.all(known)).flat().length + 2 > MOST)
      throw refusal("TooLarge", `At most ${MOST} identities fit.`, { limit: MOST });
    await joinUsers(ctx, from, ctx.user);
    return null;
  },
});

/** Forget the caller's code, whether it was redeemed or not. */
export const cancel = authedMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await dropLinks(ctx);
    return null;
  },
});

/** Return the caller's identities, and what became of their code. */
export const mine = authedQuery({
  args: {},
  returns: v.object({
    identities: v.array(
      v.object({ tokenIdentifier: v.string(), linkedAt: v.number(), here: v.boolean() }),
    ),
    link: v.union(v.object({ expiresAt: v.number(), other: v.optional(linkedIdentity) }), v.null()),
    joining: v.boolean(),
  }),
  handler: async (ctx) => {
    const { user, db } = ctx;
    const here = (await identityOf(ctx)).tokenIdentifier;
    if (user === null) return { identities: [], link: null, joining: false };
    const first = { tokenIdentifier: user.tokenIdentifier, linkedAt: user._creationTime };
    const rows = [first, ...(await identitiesOf(db, user._id))];
    const link = await openLink({ db, user });
    return {
      identities: rows.map(({ tokenIdentifier, linkedAt }) => ({
        tokenIdentifier,
        linkedAt,
        here: tokenIdentifier === here,
      })),
      link: link && { expiresAt: link.expiresAt, ...(link.other && { other: link.other }) },
      joining: user.absorbing !== undefined,
    };
  },
});

/**
 * Let an identity of the caller's be nobody's: whoever signs in by it is new here, with nothing.
 * All that there is stays with the others, so the last one cannot go.
 */
export const unlink = authedMutation({
  args: { identity: v.string() },
  returns: v.null(),
  handler: async ({ db, user }, { identity }) => {
    const others = await identitiesOf(db, user._id);
    const gone = others.find((each) => each.tokenIdentifier === identity);
    if (gone !== undefined) {
      await db.delete("identities", gone._id);
      return null;
    }
    if (identity !== user.tokenIdentifier) throw notFound("identity");
    const next = others[0];
    if (next === undefined) throw refusal("Invalid", "It is the only identity there is.");
    await db.patch("users", user._id, { tokenIdentifier: next.tokenIdentifier });
    await db.delete("identities", next._id);
    return null;
  },
});

/** Move the next rows of a user that was joined to another. */
export const move = internalMutation({
  args: { from: v.id("users"), to: v.id("users") },
  returns: v.null(),
  handler: async (ctx, ids) => {
    await moveRows(ctx, ids);
    return null;
  },
});

function tooOften({ retryAt = Date.now() }: { retryAt: number | undefined }) {
  return { refused: "RateLimited" as const, retryAt };
}

async function identityOf(ctx: { auth: { getUserIdentity(): Promise<UserIdentity | null> } }) {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) throw refusal("Unauthenticated", "Nobody is signed in.");
  return identity;
}
