import { v } from "convex/values";
import type { Doc } from "./_generated/dataModel";
import { authedMutation, authedQuery } from "./functions";
import { refusal } from "./model/errors";
import { profile } from "./model/users";
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
  returns: v.object({ ...fields, api: v.number(), now: v.number() }),
  handler: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) throw refusal("Unauthenticated", "Nobody is signed in.");
    const said = profile(identity);
    const next = { ...ctx.user, ...said };
    const { name, email, imageUrl } = ctx.user;
    if (next.name !== name || next.email !== email || next.imageUrl !== imageUrl)
      await ctx.db.patch("users", ctx.user._id, said);
    return { ...userRow(next), api: API_VERSION, now: Date.now() };
  },
});

function userRow({ _id, _creationTime, ...user }: Doc<"users">) {
  return { userId: _id, ...user };
}
