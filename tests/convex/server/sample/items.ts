// A little of everything that a client must be able to do, for the tests of clients.
import { paginationOptsValidator } from "convex/server";
import { ConvexError, v } from "convex/values";
import {
  action,
  addLater as addLaterReference,
  internalMutation,
  internalQuery,
  type MutationCtx,
  mutation,
  type QueryCtx,
  query,
} from "./builders";

async function callerOf(ctx: QueryCtx): Promise<string> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) throw new ConvexError({ code: "Unauthenticated", message: "Sign in." });
  return identity.tokenIdentifier;
}

async function append(ctx: MutationCtx, owner: string, list: string, clientId: string, value: any) {
  const known = await ctx.db
    .query("items")
    .withIndex("by_client", (q) => q.eq("owner", owner).eq("clientId", clientId))
    .unique();
  if (known !== null) return known.seq;
  const last = await ctx.db
    .query("items")
    .withIndex("by_list", (q) => q.eq("owner", owner).eq("list", list))
    .order("desc")
    .first();
  const seq = (last?.seq ?? 0) + 1;
  await ctx.db.insert("items", { owner, list, clientId, seq, value });
  return seq;
}

const item = { list: v.string(), clientId: v.string(), value: v.any() };
/** The version of the functions that a client was made for; these take any. */
const api = v.optional(v.number());

/** Add an item to a list, once however often it is called with the same clientId. */
export const add = mutation({
  args: { ...item, api },
  returns: v.number(),
  handler: async (ctx, { list, clientId, value }) =>
    await append(ctx, await callerOf(ctx), list, clientId, value),
});

/** Add an item, twice if called twice: shows whether a client calls more than once. */
export const push = mutation({
  args: { list: v.string(), value: v.any(), api },
  returns: v.number(),
  handler: async (ctx, { list, value }) =>
    await append(ctx, await callerOf(ctx), list, crypto.randomUUID(), value),
});

export const list = query({
  args: { list: v.string() },
  returns: v.array(v.any()),
  handler: async (ctx, { list }) => {
    const owner = await callerOf(ctx);
    const found = await ctx.db
      .query("items")
      .withIndex("by_list", (q) => q.eq("owner", owner).eq("list", list))
      .collect();
    return found.map(({ value }) => value);
  },
});

/** Write many items at once. */
export const fill = mutation({
  args: { list: v.string(), count: v.number(), size: v.number(), api },
  returns: v.null(),
  handler: async (ctx, { list, count, size }) => {
    const owner = await callerOf(ctx);
    const value = "x".repeat(size);
    for (let seq = 0; seq < count; seq++)
      await ctx.db.insert("items", { owner, list, clientId: `${seq}`, seq, value });
    return null;
  },
});

/** How many items there are: reads them all. */
export const count = query({
  args: { list: v.string() },
  returns: v.number(),
  handler: async (ctx, { list }) => {
    const owner = await callerOf(ctx);
    const found = await ctx.db
      .query("items")
      .withIndex("by_list", (q) => q.eq("owner", owner).eq("list", list))
      .collect();
    return found.length;
  },
});

/** The items after one, as a tail is read. */
export const after = query({
  args: { list: v.string(), after: v.number(), limit: v.number() },
  returns: v.array(v.object({ seq: v.number(), value: v.any() })),
  handler: async (ctx, { list, after, limit }) => {
    const owner = await callerOf(ctx);
    const found = await ctx.db
      .query("items")
      .withIndex("by_list", (q) => q.eq("owner", owner).eq("list", list).gt("seq", after))
      .take(Math.min(limit, 100));
    return found.map(({ seq, value }) => ({ seq, value }));
  },
});

export const pages = query({
  args: { list: v.string(), paginationOpts: paginationOptsValidator },
  handler: async (ctx, { list, paginationOpts }) => {
    const owner = await callerOf(ctx);
    return await ctx.db
      .query("items")
      .withIndex("by_list", (q) => q.eq("owner", owner).eq("list", list))
      .order("desc")
      .paginate(paginationOpts);
  },
});

export const echo = query({
  args: { value: v.any() },
  returns: v.any(),
  handler: async (_ctx, { value }) => value,
});

export const text = query({
  args: { length: v.number() },
  returns: v.string(),
  handler: async (_ctx, { length }) => "x".repeat(length),
});

export const whoami = query({
  args: {},
  returns: v.union(v.null(), v.any()),
  handler: async (ctx) => await ctx.auth.getUserIdentity(),
});

export const refuse = mutation({
  args: { data: v.any(), api },
  returns: v.null(),
  handler: async (_ctx, { data }) => {
    throw new ConvexError(data);
  },
});

export const crash = mutation({
  args: { api },
  returns: v.null(),
  handler: async () => {
    throw new TypeError("a bug");
  },
});

export const secret = internalQuery({
  args: {},
  returns: v.string(),
  handler: async () => "hidden",
});

export const addLater = internalMutation({
  args: { owner: v.string(), ...item },
  returns: v.null(),
  handler: async (ctx, { owner, list, clientId, value }) => {
    await append(ctx, owner, list, clientId, value);
    return null;
  },
});

/** Add an item from a scheduled function. */
export const schedule = mutation({
  args: { ...item, api },
  returns: v.null(),
  handler: async (ctx, { list, clientId, value }) => {
    const owner = await callerOf(ctx);
    await ctx.scheduler.runAfter(0, addLaterReference, { owner, list, clientId, value });
    return null;
  },
});

export const addTwice = action({
  args: item,
  returns: v.array(v.number()),
  handler: async (ctx, args): Promise<number[]> => {
    const owner = (await ctx.auth.getUserIdentity())?.tokenIdentifier ?? "";
    for (const n of [1, 2])
      await ctx.runMutation(addLaterReference, {
        owner,
        ...args,
        clientId: `${args.clientId}-${n}`,
      });
    return [1, 2];
  },
});
