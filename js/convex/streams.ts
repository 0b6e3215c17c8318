import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { type Access, sessionFor, type Writing } from "./model/access";
import { checkCount, checkSize, clamp, DELTA_BYTES, readUpTo } from "./model/limits";
import { findMessage } from "./model/messages";
import { clearStreams } from "./model/streams";
import { type Delta, delta, deltaRow } from "./model/values";

const session = v.string();

/** Add pieces of an answer that is being written, each once. */
export const push = authedMutation({
  args: { session, deltas: v.array(delta) },
  returns: v.null(),
  handler: async (ctx, args) => {
    checkCount("deltas", args.deltas);
    const access = await sessionFor(ctx, args.session, "write");
    const { sessionId } = access;
    const last = await ctx.db
      .query("streams")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
      .order("desc")
      .first();
    // A time, so that the places go on where all pieces before were deleted.
    let order = Math.max(Date.now(), (last?.order ?? 0) + 1);
    for (const each of args.deltas) {
      checkSize("A piece of an answer", each, DELTA_BYTES, each.messageClientId);
      if (await isStale(ctx, access, each)) continue;
      await ctx.db.insert("streams", { ...each, sessionId, order });
      order += 1;
    }
    return null;
  },
});

/** Say whether a piece is there already, or its whole message is. */
async function isStale(ctx: Writing, access: Access, piece: Delta) {
  const known = await ctx.db
    .query("streams")
    .withIndex("by_message", (q) =>
      q
        .eq("sessionId", access.sessionId)
        .eq("messageClientId", piece.messageClientId)
        .eq("blockIndex", piece.blockIndex)
        .eq("start", piece.start),
    )
    .first();
  return known !== null || (await findMessage(ctx, access, piece.messageClientId)) !== null;
}

/**
 * Return the live pieces behind a place, in order. A watcher moves `after` on, so that a new
 * piece doesn't make it read the whole answer again.
 */
export const tail = authedQuery({
  args: { session, after: v.optional(v.number()), limit: v.optional(v.number()) },
  returns: v.object({ deltas: v.array(deltaRow), more: v.boolean() }),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const live = ctx.db
      .query("streams")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId).gt("order", args.after ?? 0));
    const { rows, more } = await readUpTo(live, clamp(args.limit, 100));
    const deltas = rows.map(({ _id, _creationTime, sessionId, ...row }) => row);
    return { deltas, more };
  },
});

/** Delete the live pieces of messages that will never land. */
export const clear = authedMutation({
  args: { session, messageClientIds: v.array(v.string()) },
  returns: v.null(),
  handler: async (ctx, args) => {
    checkCount("ids", args.messageClientIds);
    const { sessionId } = await sessionFor(ctx, args.session, "write");
    await clearStreams(ctx, sessionId, args.messageClientIds);
    return null;
  },
});
