import { v } from "convex/values";
import type { Id } from "./_generated/dataModel";
import { authedMutation, authedQuery } from "./functions";
import { sessionFor, type Writing } from "./model/access";
import { findFile } from "./model/bodies";
import { notFound, refusal } from "./model/errors";
import { checkSize, TEXT_BYTES } from "./model/limits";
import { hexOf } from "./model/sha256";
import { fileRow } from "./model/values";

const session = v.string();

/** Return a URL to which one file may be posted; `save` says what it is. */
export const uploadUrl = authedMutation({
  args: {},
  returns: v.string(),
  handler: async (ctx) => await ctx.storage.generateUploadUrl(),
});

/** Make an uploaded file part of a session, after a look at its size and hash. */
export const save = authedMutation({
  args: { session, storageId: v.id("_storage"), ...fileRow.fields },
  returns: v.null(),
  handler: async (ctx, { session, storageId, ...file }) => {
    checkSize("A file's media type", file.mediaType, TEXT_BYTES);
    const { sessionId } = await sessionFor(ctx, session, "write");
    const known = await findFile(ctx.db, sessionId, file.sha256);
    if (known?.storageId === storageId) return null;
    await checkUpload(ctx, storageId, file);
    if (known === null) await ctx.db.insert("files", { ...file, sessionId, storageId });
    else await ctx.storage.delete(storageId);
    return null;
  },
});

/** Refuse a file that isn't there, is somebody's already, or is not what it is said to be. */
async function checkUpload(
  ctx: Writing,
  storageId: Id<"_storage">,
  { sha256, size }: { sha256: string; size: number },
) {
  const stored = await ctx.db.system.get("_storage", storageId);
  const taken = await ctx.db
    .query("files")
    .withIndex("by_storage", (q) => q.eq("storageId", storageId))
    .first();
  if (stored === null || taken !== null) throw notFound("upload");
  if (stored.size !== size || hexOf(stored.sha256) !== sha256)
    throw refusal("Invalid", "The file that arrived is not the one that was sent.");
}

/** Return where a session's file can be fetched from, null if it has none of this hash. */
export const get = authedQuery({
  args: { session, sha256: v.string() },
  returns: v.union(
    v.object({ url: v.string(), size: v.number(), mediaType: v.string() }),
    v.null(),
  ),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const file = await findFile(ctx.db, sessionId, args.sha256);
    const url = file && (await ctx.storage.getUrl(file.storageId));
    return file && url ? { url, size: file.size, mediaType: file.mediaType } : null;
  },
});
