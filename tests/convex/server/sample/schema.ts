import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  items: defineTable({
    owner: v.string(),
    list: v.string(),
    clientId: v.string(),
    seq: v.number(),
    value: v.any(),
  })
    .index("by_list", ["owner", "list", "seq"])
    .index("by_client", ["owner", "clientId"]),
  files: defineTable({ owner: v.string(), storageId: v.id("_storage") }).index("by_owner", [
    "owner",
  ]),
});
