/**
 * The builders of all functions, and the only users of Convex's raw ones: whatever a client may
 * call knows who calls, and whatever writes knows the client's version.
 */

import { v } from "convex/values";
import { customAction, customMutation, customQuery } from "convex-helpers/server/customFunctions";
import { action, internalAction, internalMutation, mutation, query } from "./_generated/server";
import { refusal } from "./model/errors";
import { ensureUser, findUser } from "./model/users";
import { API_VERSION } from "./version";

/** A query for somebody who is signed in; `ctx.user` is null before they first wrote anything. */
export const authedQuery = customQuery(query, {
  args: {},
  input: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) throw unauthenticated();
    return { ctx: { user: await findUser(ctx.db, identity) }, args: {} };
  },
});

/** A mutation for somebody who is signed in, from a client whose `api` is ours. */
export const authedMutation = customMutation(mutation, {
  // Optional, so that a client that doesn't send it gets the clear refusal, not a type error.
  args: { api: v.optional(v.number()) },
  input: async (ctx, { api }) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) throw unauthenticated();
    if (api !== API_VERSION) throw mismatch(api);
    return { ctx: { user: await ensureUser(ctx.db, identity) }, args: {} };
  },
});

/**
 * An action for whoever comes, signed in or not. It is for signing in by an account of this
 * deployment, which nobody can be signed in for: accounts.ts alone may use it, and lint says so.
 */
export const openAction = customAction(action, {
  args: { api: v.optional(v.number()) },
  input: async (_, { api }) => {
    if (api !== API_VERSION) throw mismatch(api);
    return { ctx: {}, args: {} };
  },
});

export { internalAction, internalMutation };

function unauthenticated() {
  return refusal("Unauthenticated", "Nobody is signed in.");
}

function mismatch(api: number | undefined) {
  return refusal(
    "VersionMismatch",
    `These functions speak version ${API_VERSION}, and the client ${api ?? "none"}. ` +
      "Deploy the functions and install ipyclaude of one version.",
    { api: API_VERSION },
  );
}
