/** What the crons and the scheduler do, in bounded batches. No client can call it. */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation } from "./functions";
import { readUpTo } from "./model/limits";
import { ALIVE_MS, bury } from "./model/presence";
import { eraseSome } from "./model/removal";
import { changeSession } from "./model/sessions";
import * as live from "./model/streams";
import { eraseHeads as eraseTranscripts } from "./model/transcripts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BATCH = 100;
/** A server that comes back so soon after its lease expired finds the session as it left it. */
const LEASE_GRACE = 2 * MINUTE;

/** Delete the next rows of a deleted session, and go on until nothing is left. */
export const eraseSession = internalMutation({
  args: { sessionId: v.id("sessions") },
  returns: v.null(),
  handler: async (ctx, { sessionId }) => {
    if (await eraseSome(ctx, sessionId))
      await ctx.scheduler.runAfter(0, internal.sweeps.eraseSession, { sessionId });
    return null;
  },
});

/** Delete the next transcripts of one of the CLI's sessions, and go on until none is left. */
export const eraseHeads = internalMutation({
  args: {
    sessionId: v.id("sessions"),
    claudeSessionId: v.string(),
    projectKey: v.optional(v.string()),
    before: v.number(),
  },
  returns: v.null(),
  handler: async (ctx, place) => {
    await eraseTranscripts(ctx, place);
    return null;
  },
});

/** Delete the next chunks of a deleted transcript, and go on until none is left. */
export const eraseChunks = internalMutation({
  args: { headId: v.id("transcriptHeads") },
  returns: v.null(),
  handler: async (ctx, { headId }) => {
    const chunks = ctx.db.query("transcripts").withIndex("by_head", (q) => q.eq("headId", headId));
    const { rows, more } = await readUpTo(chunks, BATCH);
    for (const row of rows) await ctx.db.delete("transcripts", row._id);
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.eraseChunks, { headId });
    return null;
  },
});

/** Delete the live pieces of messages that have landed. */
export const clearStreams = internalMutation({
  args: { sessionId: v.id("sessions"), ids: v.array(v.string()) },
  returns: v.null(),
  handler: async (ctx, { sessionId, ids }) => {
    await live.clearStreams(ctx, sessionId, ids);
    return null;
  },
});

/** Delete the live pieces that somebody left who may not write any more. */
export const clearStreamsUpTo = internalMutation({
  args: { sessionId: v.id("sessions"), upTo: v.number() },
  returns: v.null(),
  handler: async (ctx, { sessionId, upTo }) => {
    await live.clearStreamsUpTo(ctx, sessionId, upTo);
    return null;
  },
});

/** Delete leases that expired a while ago; whoever held one is not at work any more. */
export const leases = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const expired = ctx.db
      .query("leases")
      .withIndex("by_expires", (q) => q.lt("expiresAt", Date.now() - LEASE_GRACE));
    const { rows, more } = await readUpTo(expired, BATCH);
    for (const row of rows) {
      await ctx.db.delete("leases", row._id);
      const session = await ctx.db.get("sessions", row.sessionId);
      if (session?.isClaudeBusy)
        await changeSession(ctx, session, { phase: { type: "idle" }, isClaudeBusy: false });
    }
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.leases, {});
    return null;
  },
});

/** Delete invitations that have expired. */
export const invites = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const expired = ctx.db
      .query("invites")
      .withIndex("by_expires", (q) => q.lte("expiresAt", Date.now()));
    const { rows, more } = await readUpTo(expired, BATCH);
    for (const row of rows) await ctx.db.delete("invites", row._id);
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.invites, {});
    return null;
  },
});

/** Delete counts of tries that are full again: strangers add one with each address they make up. */
export const tries = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const old = ctx.db.query("rateLimits").withIndex("by_ts", (q) => q.lt("ts", Date.now() - DAY));
    const { rows, more } = await readUpTo(old, BATCH);
    for (const row of rows) await ctx.db.delete("rateLimits", row._id);
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.tries, {});
    return null;
  },
});

/** Delete live pieces whose message never landed. */
export const streams = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const old = ctx.db
      .query("streams")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - HOUR));
    const { rows, more } = await readUpTo(old, BATCH);
    for (const row of rows) await ctx.db.delete("streams", row._id);
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.streams, {});
    return null;
  },
});

/** Delete the presence of servers that have not been heard of. */
export const presence = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const dead = ctx.db
      .query("beats")
      .withIndex("by_seen", (q) => q.lt("seenAt", Date.now() - ALIVE_MS));
    const { rows, more } = await readUpTo(dead, BATCH);
    await bury(ctx, rows);
    if (more) await ctx.scheduler.runAfter(0, internal.sweeps.presence, {});
    return null;
  },
});

/**
 * Delete uploads that no session took within a day: their client ended between posting and
 * saving. Looks back a week, so that each has seven chances and no run reads everything.
 */
export const uploads = internalMutation({
  args: { after: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { after = Date.now() - 8 * DAY }) => {
    const stored = ctx.db.system
      .query("_storage")
      .withIndex("by_creation_time", (q) =>
        q.gt("_creationTime", after).lt("_creationTime", Date.now() - DAY),
      );
    const { rows, more } = await readUpTo(stored, BATCH);
    for (const { _id } of rows) {
      const taken = await ctx.db
        .query("files")
        .withIndex("by_storage", (q) => q.eq("storageId", _id))
        .first();
      if (taken === null) await ctx.storage.delete(_id);
    }
    const last = rows.at(-1);
    if (more && last)
      await ctx.scheduler.runAfter(0, internal.sweeps.uploads, { after: last._creationTime });
    return null;
  },
});
