import { v } from "convex/values";
import { internal } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";
import { authedMutation, authedQuery, internalMutation } from "./functions";
import { refusal } from "./model/errors";
import { eraseUser } from "./model/leaving";
import { profile, stubsOf, userOf } from "./model/users";
import { API_VERSION } from "./version";

const fields = {
  userId: v.id("users"),
  name: v.string(),
  email: v.optional(v.string()),
  imageUrl: v.optional(v.string()),
  tokenIdentifier: v.string(),
};

/** Return who is signed in; `user` is null before they first wrote anything. */
export const me = authedQuery({
  args: {},
  returns: v.object({ user: v.union(v.object(fields), v.null()), api: v.number() }),
  handler: async ({ user }) => ({ user: user && userRow(user), api: API_VERSION }),
});

/** Make the user at the first sign-in, keep the name current; `now` is the server's clock. */
export const ensure = authedMutation({
  args: {},
  returns: v.object({
    ...fields,
    /** Users that became one with this one. */
    formerly: v.array(v.id("users")),
    api: v.number(),
    now: v.number(),
  }),
  handler: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) throw refusal("Unauthenticated", "Nobody is signed in.");
    // The first identity names the person: with each one's own name it would go back and forth.
    const isFirst = identity.tokenIdentifier === ctx.user.tokenIdentifier;
    const said = isFirst ? profile(identity) : {};
    const next = { ...ctx.user, ...said };
    const { name, email, imageUrl } = ctx.user;
    if (next.name !== name || next.email !== email || next.imageUrl !== imageUrl)
      await ctx.db.patch("users", ctx.user._id, said);
    const formerly = (await stubsOf(ctx.db, ctx.user._id)).map(({ _id }) => _id);
    return { ...userRow(next), formerly, api: API_VERSION, now: Date.now() };
  },
});

/**
 * Delete a person by one of their identities, with all that is theirs, accounts of this deployment
 * too; for an administrator's `npx convex run`. What they wrote in other people's sessions is part of those, and stays.
 */
export const erase = internalMutation({
  args: { identity: v.string() },
  returns: v.null(),
  handler: async (ctx, { identity }) => {
    const user = await userOf(ctx.db, identity);
    if (user === null) throw refusal("NotFound", "Nobody has this identity.");
    if (user.absorbing !== undefined) throw refusal("Busy", "They are just being linked.");
    if (await eraseUser(ctx, user))
      await ctx.scheduler.runAfter(0, internal.users.erase, { identity });
    return null;
  },
});

function userRow({ _id, _creationTime, joinedTo, absorbing, ...user }: Doc<"users">) {
  return { userId: _id, ...user };
}
