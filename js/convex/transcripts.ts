import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { sessionFor } from "./model/access";
import { CALL_BYTES, checkSize, clamp, readUpTo } from "./model/limits";
import { appendTranscript, chunkRow, eraseHeads, headRow, headsFor } from "./model/transcripts";
import * as values from "./model/values";

const session = v.string();
const claudeSessionId = v.string();
const projectKey = v.optional(v.string());
const HEADS = 500;

/** Append chunks to a transcript, each once (S2). */
export const append = authedMutation({
  args: { session, ...values.transcriptInput.fields },
  returns: v.object({ seqs: v.array(v.object({ chunkId: v.string(), seq: v.number() })) }),
  handler: async (ctx, { session, ...input }) => {
    checkSize("The whole call", input, CALL_BYTES);
    const access = await sessionFor(ctx, session, "write");
    return { seqs: await appendTranscript(ctx, access, input) };
  },
});

/**
 * Return a transcript's chunks behind a place, in order; null as `projectKey` says that there is
 * no such transcript. Without a project it is the one that was written last.
 */
export const load = authedQuery({
  args: {
    session,
    claudeSessionId,
    projectKey,
    subpath: v.optional(v.string()),
    after: v.optional(v.number()),
    limit: v.optional(v.number()),
  },
  returns: v.object({
    projectKey: v.union(v.string(), v.null()),
    chunks: v.array(values.chunkRow),
    more: v.boolean(),
  }),
  handler: async (ctx, { claudeSessionId, projectKey, subpath = "", ...args }) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const table = ctx.db.query("transcriptHeads");
    const head = await (projectKey === undefined
      ? table
          .withIndex("by_session_written", (q) =>
            q
              .eq("sessionId", sessionId)
              .eq("claudeSessionId", claudeSessionId)
              .eq("subpath", subpath),
          )
          .order("desc")
      : table.withIndex("by_session", (q) =>
          q
            .eq("sessionId", sessionId)
            .eq("claudeSessionId", claudeSessionId)
            .eq("projectKey", projectKey)
            .eq("subpath", subpath),
        )
    ).first();
    if (head === null) return { projectKey: null, chunks: [], more: false };
    const chunks = ctx.db
      .query("transcripts")
      .withIndex("by_head", (q) => q.eq("headId", head._id).gt("seq", args.after ?? 0));
    const { rows, more } = await readUpTo(chunks, clamp(args.limit, 50));
    return { projectKey: head.projectKey, chunks: rows.map(chunkRow), more };
  },
});

/** Return the main transcripts of a project, of the user's own sessions. */
export const list = authedQuery({
  args: { projectKey: v.string() },
  returns: v.array(values.headRow),
  handler: async ({ db, user }, { projectKey }) => {
    if (user === null) return [];
    const heads = db
      .query("transcriptHeads")
      .withIndex("by_user_project", (q) =>
        q.eq("userId", user._id).eq("projectKey", projectKey).eq("subpath", ""),
      );
    return (await readUpTo(heads, HEADS)).rows.map(headRow);
  },
});

/**
 * Return all transcripts of one of the CLI's sessions, its subagents' included, whether the
 * session is the user's own or shared with them.
 */
export const heads = authedQuery({
  args: { claudeSessionId },
  returns: v.array(values.headRow),
  handler: async ({ db, user }, { claudeSessionId }) => {
    if (user === null) return [];
    return (await headsFor(db, user._id, claudeSessionId, HEADS)).map(headRow);
  },
});

/** Return the subpaths of a CLI session's subagents. */
export const subkeys = authedQuery({
  args: { claudeSessionId, projectKey },
  returns: v.array(v.string()),
  handler: async ({ db, user }, { claudeSessionId, projectKey }) => {
    if (user === null) return [];
    const heads = await headsFor(db, user._id, claudeSessionId, HEADS);
    const paths = heads
      .filter((row) => row.subpath !== "" && row.projectKey === (projectKey ?? row.projectKey))
      .map((row) => row.subpath);
    return [...new Set(paths)];
  },
});

/** Delete a CLI session's transcripts, or with a subpath that one; the chunks go in batches. */
export const remove = authedMutation({
  args: { session, claudeSessionId, projectKey, subpath: v.optional(v.string()) },
  returns: v.null(),
  handler: async (ctx, { claudeSessionId, projectKey, subpath, ...args }) => {
    const { sessionId } = await sessionFor(ctx, args.session, "own");
    await eraseHeads(ctx, { sessionId, claudeSessionId, projectKey, subpath });
    return null;
  },
});
