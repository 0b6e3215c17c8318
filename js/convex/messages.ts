import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { type Access, rowOf, sessionFor, type Writing } from "./model/access";
import { upsertApprovals } from "./model/approvals";
import { refusal } from "./model/errors";
import { CALL_BYTES, checkCount, checkSize, clamp, readUpTo } from "./model/limits";
import { checkCrossed, findMessage, insertMessages, messageRow } from "./model/messages";
import { applyPatch, changeSession, shownSession, upsertSession } from "./model/sessions";
import { replaceTodos } from "./model/todos";
import { appendTranscript } from "./model/transcripts";
import { idsOf } from "./model/users";
import * as values from "./model/values";

const session = v.string();
/** A watcher's tail: with the user's and the member's row, at most 50 documents are read. */
const TAIL = 40;

/**
 * Write what an exchange brought, all of it or nothing. Each row is kept once, however often it
 * is sent (S2); the messages get their places here (S3).
 */
export const append = authedMutation({
  args: {
    session,
    /** The whole session: made if it isn't there, else its columns written anew. */
    info: v.optional(values.sessionInput),
    /** What changed in the session. */
    patch: v.optional(values.sessionPatch),
    messages: v.array(values.messageInput),
    /**
     * What the turns of these messages knew: beyond the place `seq`, `mine` messages besides
     * these are the caller's own. Any other there crossed them, and nothing is written.
     */
    knew: v.optional(v.object({ seq: v.number(), mine: v.number() })),
    todos: v.optional(v.array(values.todoInput)),
    approvals: v.optional(v.array(values.approvalInput)),
    transcripts: v.optional(v.array(values.transcriptInput)),
  },
  returns: v.object({
    seqs: v.array(v.object({ clientId: v.string(), seq: v.number() })),
    /** The places of the transcripts' chunks, so that who wrote them need not read them. */
    chunks: v.array(v.object({ chunkId: v.string(), seq: v.number() })),
    updatedAt: v.number(),
    session: values.sessionRow,
  }),
  handler: async (ctx, args) => {
    checkCount("messages", args.messages);
    checkSize("The whole call", args, CALL_BYTES);
    const { session, info, patch, messages, todos, approvals, transcripts = [] } = args;
    checkCount("transcripts", transcripts);
    checkCount(
      "chunks",
      transcripts.flatMap((each) => each.chunks),
    );
    if (info !== undefined && info.clientId !== session)
      throw refusal("Invalid", "`info` is of another session.");
    const access =
      info === undefined ? await sessionFor(ctx, session, "write") : await upsertSession(ctx, info);
    if (patch !== undefined) await applyPatch(ctx, access, patch);
    const seqs = await appendMessages(ctx, access, messages, args.knew);
    if (todos !== undefined) await replaceTodos(ctx.db, access.sessionId, todos);
    if (approvals !== undefined) await upsertApprovals(ctx, access, approvals);
    const chunks = [];
    for (const transcript of transcripts)
      chunks.push(...(await appendTranscript(ctx, access, transcript)));
    const row = await shownSession(ctx, access);
    return { seqs, chunks, updatedAt: row.updatedAt, session: row };
  },
});

async function appendMessages(
  ctx: Writing,
  access: Access,
  messages: values.MessageInput[],
  knew?: { seq: number; mine: number },
) {
  const row = await rowOf(ctx, access);
  const done = await insertMessages(ctx, access, row.nextSeq, messages);
  if (knew !== undefined) checkCrossed(done, row.nextSeq + done.count - 1, knew);
  if (done.count > 0)
    await changeSession(ctx, row, {
      nextSeq: row.nextSeq + done.count,
      messageCount: row.messageCount + done.count,
      costUsd: row.costUsd + done.costUsd,
      lastActivityAt: Math.max(row.lastActivityAt, done.newest),
    });
  return done.seqs;
}

/** Return the messages behind a place, in order: what a watcher subscribes to. */
export const after = authedQuery({
  args: { session, after: v.number(), limit: v.optional(v.number()) },
  returns: values.messagePage,
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const tail = ctx.db
      .query("messages")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId).gt("seq", args.after));
    const { rows, more } = await readUpTo(tail, clamp(args.limit, TAIL));
    const mine = await idsOf(ctx.db, ctx.user);
    return { messages: rows.map((row) => messageRow(row, mine)), more };
  },
});

/** Return the last messages before a place, else before the end, in order. */
export const before = authedQuery({
  args: { session, before: v.optional(v.number()), limit: v.optional(v.number()) },
  returns: values.messagePage,
  handler: async (ctx, args) => {
    const { sessionId } = await sessionFor(ctx, args.session, "read");
    const page = ctx.db
      .query("messages")
      .withIndex("by_session", (q) =>
        q.eq("sessionId", sessionId).lt("seq", args.before ?? Number.POSITIVE_INFINITY),
      )
      .order("desc");
    const { rows, more } = await readUpTo(page, clamp(args.limit, 100));
    const mine = await idsOf(ctx.db, ctx.user);
    return { messages: rows.reverse().map((row) => messageRow(row, mine)), more };
  },
});

/** Return those of these messages that are here; fewer than asked for where they are large. */
export const fetch = authedQuery({
  args: { session, clientIds: v.array(v.string()) },
  returns: values.messagePage,
  handler: async (ctx, args) => {
    checkCount("ids", args.clientIds);
    const access = await sessionFor(ctx, args.session, "read");
    async function* rows() {
      for (const id of new Set(args.clientIds)) {
        const row = await findMessage(ctx, access, id);
        if (row !== null) yield row;
      }
    }
    const found = await readUpTo(rows(), args.clientIds.length);
    const mine = await idsOf(ctx.db, ctx.user);
    return { messages: found.rows.map((row) => messageRow(row, mine)), more: found.more };
  },
});
