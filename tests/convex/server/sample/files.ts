import { v } from "convex/values";
import { mutation, query } from "./builders";

export const uploadUrl = mutation({
  args: { api: v.optional(v.number()) },
  returns: v.string(),
  handler: async (ctx) => await ctx.storage.generateUploadUrl(),
});

export const url = query({
  args: { storageId: v.id("_storage") },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, { storageId }) => await ctx.storage.getUrl(storageId),
});

export const metadata = query({
  args: { storageId: v.id("_storage") },
  returns: v.any(),
  handler: async (ctx, { storageId }) => await ctx.db.system.get(storageId),
});
