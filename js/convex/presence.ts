import { v } from "convex/values";
import type { Id } from "./_generated/dataModel";
import { authedMutation, authedQuery } from "./functions";
import { accessTo, sessionFor } from "./model/access";
import { checkCount, checkSize, TEXT_BYTES } from "./model/limits";
import { beat, forget, leaveOf, meet } from "./model/presence";

const SHOWN = 100;

/**
 * Say that a server is alive, and which sessions it has open: one call for all of them. Those
 * that it no longer names it has left.
 */
export const heartbeat = authedMutation({
  args: {
    clientKey: v.string(),
    label: v.string(),
    sessions: v.array(v.object({ session: v.string(), watching: v.boolean() })),
  },
  returns: v.null(),
  handler: async (ctx, { clientKey, label, sessions }) => {
    checkCount("sessions", sessions);
    checkSize("A server's name", clientKey + label, TEXT_BYTES);
    const open = new Map<Id<"sessions">, boolean>();
    for (const { session, watching } of sessions) {
      // Left out rather than refused: a server may not know yet that one was deleted.
      const access = await accessTo(ctx, session);
      if (access !== null) open.set(access.sessionId, watching);
    }
    await beat(ctx, clientKey);
    await meet(ctx, { clientKey, label }, open);
    await forget(ctx, ctx.user._id);
    return null;
  },
});

/** Return who has a session open; changes only when somebody comes, goes or looks away. */
export const list = authedQuery({
  args: { session: v.string() },
  returns: v.array(
    v.object({
      clientKey: v.string(),
      label: v.string(),
      watching: v.boolean(),
      since: v.number(),
      name: v.string(),
      mine: v.boolean(),
    }),
  ),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const rows = await ctx.db
      .query("presence")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
      .take(SHOWN);
    const ids = [...new Set(rows.map((row) => row.userId))];
    const users = await Promise.all(ids.map((id) => ctx.db.get("users", id)));
    const names = new Map(ids.map((id, n) => [id, users[n]?.name ?? ""]));
    return rows.map(({ clientKey, label, watching, since, userId }) => ({
      clientKey,
      label,
      watching,
      since,
      name: names.get(userId) ?? "",
      mine: userId === ctx.user?._id,
    }));
  },
});

/** Say that a server has closed everything. */
export const leave = authedMutation({
  args: { clientKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { clientKey }) => {
    await leaveOf(ctx, ctx.user._id, clientKey);
    return null;
  },
});
