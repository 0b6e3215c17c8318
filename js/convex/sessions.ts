import { paginationOptsValidator, paginationResultValidator } from "convex/server";
import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { accessTo, rowOf, sessionFor } from "./model/access";
import { extendLease, giveBackLease, leaseOf, leaseRow, takeLease } from "./model/leases";
import { clamp, readUpTo } from "./model/limits";
import { changedIn, findIn, pageOf } from "./model/lists";
import { bury } from "./model/removal";
import {
  archiveSession,
  patchSession,
  sessionRow,
  shownSession,
  upsertSession,
  words,
} from "./model/sessions";
import { sharedWith } from "./model/shared";
import { idsOf } from "./model/users";
import * as values from "./model/values";

const session = v.string();
const PAGE = 50;
const NOTHING = { page: [], isDone: true, continueCursor: "" };

/**
 * List the user's sessions and those shared with them, most recently active first, or what a
 * search finds, best first.
 */
export const list = authedQuery({
  args: {
    paginationOpts: paginationOptsValidator,
    query: v.optional(v.string()),
    archived: v.optional(v.boolean()),
  },
  returns: paginationResultValidator(values.sessionRow),
  handler: async ({ db, user }, { paginationOpts, query = "", archived = false }) => {
    if (user === null) return NOTHING;
    const options = { ...paginationOpts, numItems: clamp(paginationOpts.numItems, PAGE) };
    const wanted = words(query);
    return wanted
      ? await findIn(db, user._id, { wanted, archived, options })
      : await pageOf(db, user._id, { archived, options });
  },
});

/**
 * Return the user's sessions and those shared with them that changed after a time, in that order;
 * deleted ones too, and those that they are no member of any more.
 */
export const changed = authedQuery({
  args: { after: v.number(), limit: v.optional(v.number()) },
  returns: v.object({ sessions: v.array(values.sessionRow), more: v.boolean() }),
  handler: async ({ db, user }, { after, limit }) => {
    if (user === null) return { sessions: [], more: false };
    const { rows, more } = await readUpTo(changedIn(db, user._id, after), clamp(limit, 100));
    return { sessions: rows, more };
  },
});

/** Return a session, null if the caller is a member of none of this id. */
export const get = authedQuery({
  args: { session },
  returns: v.union(values.sessionRow, v.null()),
  handler: async (ctx, args) => {
    const access = await accessTo(ctx, args.session);
    return access && (await shownSession(ctx, access));
  },
});

/** Return the user's session of the CLI's own id, the one most recently made if there are more. */
export const byClaude = authedQuery({
  args: { claudeSessionId: v.string() },
  returns: v.union(values.sessionRow, v.null()),
  handler: async ({ db, user }, { claudeSessionId }) => {
    if (user === null) return null;
    const row = await db
      .query("sessions")
      .withIndex("by_user_claude", (q) =>
        q.eq("userId", user._id).eq("claudeSessionId", claudeSessionId),
      )
      .order("desc")
      .first();
    return row && sessionRow(row);
  },
});

/** Make a session, or give the one of this id these columns. */
export const create = authedMutation({
  args: { session: values.sessionInput },
  returns: values.sessionRow,
  handler: async (ctx, args) => await shownSession(ctx, await upsertSession(ctx, args.session)),
});

/** Change the columns that are named; null clears one. */
export const patch = authedMutation({
  args: { session, patch: values.sessionPatch },
  returns: values.sessionRow,
  handler: async (ctx, args) => await patchSession(ctx, args.session, args.patch),
});

/** Give a session another name. */
export const rename = authedMutation({
  args: { session, name: v.string() },
  returns: values.sessionRow,
  handler: async (ctx, { session, name }) => await patchSession(ctx, session, { name }),
});

/** Take a session off one's own list, or put it back; each member may. */
export const archive = authedMutation({
  args: { session, archived: v.boolean() },
  returns: values.sessionRow,
  handler: async (ctx, { session, archived }) => await archiveSession(ctx, session, archived),
});

/** Say what a session is doing now. */
export const setPhase = authedMutation({
  args: { session, phase: values.phase, isClaudeBusy: v.boolean() },
  returns: values.sessionRow,
  handler: async (ctx, { session, ...patch }) => await patchSession(ctx, session, patch),
});

/**
 * Delete a session. From here on nobody has access to it, and the list shows it as deleted;
 * what it held goes in bounded batches.
 */
export const remove = authedMutation({
  args: { session },
  returns: v.null(),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "own");
    await bury(ctx, sessionId);
    return null;
  },
});

const granted = v.object({
  granted: v.boolean(),
  lease: v.union(values.lease, v.null()),
  /** The server's clock, to work out what is left. */
  now: v.number(),
});

/**
 * Take the session's lease (S4): granted unless somebody else's has not expired yet; with
 * `takeOver` the owner takes it from another member. `nextSeq` lets the holder wait until it has
 * all that was written before.
 */
export const acquireLease = authedMutation({
  args: {
    session,
    holder: v.string(),
    label: v.string(),
    ttlMs: v.number(),
    takeOver: v.optional(v.boolean()),
  },
  returns: v.object({ ...granted.fields, nextSeq: v.number() }),
  handler: async (ctx, { session, ...wish }) => {
    const access = await sessionFor(ctx, session, "write");
    const { nextSeq } = await rowOf(ctx, access);
    return { ...(await takeLease(ctx, access, wish)), nextSeq };
  },
});

/** Keep the session's lease; not granted once somebody else has it, or nobody. */
export const renewLease = authedMutation({
  args: { session, holder: v.string(), ttlMs: v.number() },
  returns: granted,
  handler: async (ctx, { session, ...wish }) =>
    await extendLease(ctx, await sessionFor(ctx, session, "write"), wish),
});

/** Give the session's lease back, if it is still the holder's. */
export const releaseLease = authedMutation({
  args: { session, holder: v.string() },
  returns: v.null(),
  handler: async (ctx, { session, holder }) => {
    await giveBackLease(ctx, await sessionFor(ctx, session, "write"), holder);
    return null;
  },
});

/** Return a session's lease as it was last written; it may have expired. */
export const lease = authedQuery({
  args: { session },
  returns: v.union(values.lease, v.null()),
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const row = await leaseOf(ctx.db, sessionId);
    return row && leaseRow(row, await idsOf(ctx.db, ctx.user));
  },
});

/** Return the leases of the user's sessions and of those shared with them: who writes where. */
export const leases = authedQuery({
  args: {},
  returns: v.array(values.lease),
  handler: async ({ db, user }) => {
    if (user === null) return [];
    const own = await db
      .query("leases")
      .withIndex("by_user", (q) => q.eq("userId", user._id))
      .take(200);
    const shared = await sharedWith(db, user._id);
    const others = await Promise.all(shared.map(({ sessionId }) => leaseOf(db, sessionId)));
    const mine = await idsOf(db, user);
    return [...own, ...others.filter((each) => each !== null)].map((row) => leaseRow(row, mine));
  },
});
