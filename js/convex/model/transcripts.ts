/** Claude's own memory of a session: chunks of compressed JSON lines under a head. */
import { internal } from "../_generated/api";
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, MutationCtx } from "../_generated/server";
import type { Access, Writing } from "./access";
import { checkFile } from "./bodies";
import { refusal } from "./errors";
import { checkCount, checkSize, EXTRA_BYTES, ROW_BYTES, readUpTo, TEXT_BYTES } from "./limits";
import { sharedWith } from "./shared";
import type { ChunkInput, ChunkRow, HeadRow, TranscriptInput } from "./values";

/** What one transaction deletes; each schedules the deletion of its chunks. */
const ERASED_AT_ONCE = 500;

interface Erased {
  sessionId: Id<"sessions">;
  claudeSessionId: string;
  projectKey?: string | undefined;
  subpath?: string | undefined;
  /** What is written anew after this time stays. */
  before?: number | undefined;
}

type Place = Pick<TranscriptInput, "claudeSessionId" | "projectKey" | "subpath">;

/** Append the chunks that aren't there yet, in the order given (S2). */
export async function appendTranscript(ctx: Writing, access: Access, input: TranscriptInput) {
  const { chunks, summary, ...place } = input;
  checkCount("chunks", chunks);
  checkSize("A transcript's place", place, TEXT_BYTES);
  checkSize("summary", summary, EXTRA_BYTES);
  const head = await ensureHead(ctx, access, place);
  const seqs: { chunkId: string; seq: number }[] = [];
  let next = head.nextSeq;
  for (const chunk of chunks) {
    const known = await findChunk(ctx, head, chunk.chunkId);
    const seq = known?.seq ?? next;
    if (known === null) {
      await insertChunk(ctx, head, chunk, seq);
      next += 1;
    }
    seqs.push({ chunkId: chunk.chunkId, seq });
  }
  if (next > head.nextSeq || (summary !== undefined && summary !== head.summary)) {
    const written = { nextSeq: next, mtime: Math.max(Date.now(), head.mtime + 1) };
    await ctx.db.patch("transcriptHeads", head._id, {
      ...written,
      ...(summary === undefined ? {} : { summary }),
    });
  }
  return seqs;
}

async function insertChunk(
  ctx: Writing,
  { _id, sessionId, subpath }: Doc<"transcriptHeads">,
  chunk: ChunkInput,
  seq: number,
) {
  if ((chunk.data === undefined) === (chunk.file === undefined))
    throw refusal("Invalid", "A chunk has its data here or in a file.", {
      clientId: chunk.chunkId,
    });
  checkSize("A transcript's chunk", chunk, ROW_BYTES, chunk.chunkId);
  if (chunk.file !== undefined) await checkFile(ctx.db, sessionId, chunk.file, chunk.chunkId);
  await ctx.db.insert("transcripts", { ...chunk, seq, sessionId, headId: _id, subpath });
}

async function ensureHead(ctx: Writing, access: Access, place: Place) {
  const known = await findHead(ctx, access, place);
  if (known !== null) return known;
  const session = await ctx.db.get("sessions", access.sessionId);
  if (session === null) throw new Error("A member's session is gone.");
  const id = await ctx.db.insert("transcriptHeads", {
    ...place,
    userId: session.userId,
    sessionId: session._id,
    session: access.clientId,
    nextSeq: 1,
    mtime: Date.now(),
  });
  const head = await ctx.db.get("transcriptHeads", id);
  if (head === null) throw new Error("A head that was just made is gone.");
  return head;
}

async function findHead(ctx: Writing, { sessionId }: Access, place: Place) {
  return await ctx.db
    .query("transcriptHeads")
    .withIndex("by_session", (q) =>
      q
        .eq("sessionId", sessionId)
        .eq("claudeSessionId", place.claudeSessionId)
        .eq("projectKey", place.projectKey)
        .eq("subpath", place.subpath),
    )
    .first();
}

/** Find the transcripts of one of the CLI's sessions, of a person's own or shared with them. */
export async function headsFor(
  db: DatabaseReader,
  userId: Id<"users">,
  claudeSessionId: string,
  most: number,
) {
  const own = db
    .query("transcriptHeads")
    .withIndex("by_user_claude", (q) =>
      q.eq("userId", userId).eq("claudeSessionId", claudeSessionId),
    );
  const { rows } = await readUpTo(own, most);
  for (const { sessionId } of await sharedWith(db, userId)) {
    const heads = db
      .query("transcriptHeads")
      .withIndex("by_session", (q) =>
        q.eq("sessionId", sessionId).eq("claudeSessionId", claudeSessionId),
      );
    if (rows.length < most) rows.push(...(await readUpTo(heads, most - rows.length)).rows);
  }
  return rows;
}

/**
 * Delete the next transcripts of one of the CLI's sessions, and go on until none is left; each
 * one's chunks go in batches of their own.
 */
export async function eraseHeads(ctx: MutationCtx, place: Erased) {
  const { sessionId, claudeSessionId, projectKey, subpath, before = Infinity } = place;
  const heads = ctx.db.query("transcriptHeads").withIndex("by_session", (q) => {
    const all = q.eq("sessionId", sessionId).eq("claudeSessionId", claudeSessionId);
    return projectKey === undefined ? all : all.eq("projectKey", projectKey);
  });
  const { rows, more } = await readUpTo(heads, ERASED_AT_ONCE);
  const gone = rows.filter(
    (row) => row._creationTime <= before && row.subpath === (subpath ?? row.subpath),
  );
  for (const head of gone) {
    await ctx.db.delete("transcriptHeads", head._id);
    await ctx.scheduler.runAfter(0, internal.sweeps.eraseChunks, { headId: head._id });
  }
  if (!more || gone.length === 0 || subpath !== undefined) return;
  const rest = { sessionId, claudeSessionId, before: place.before ?? Date.now() };
  await ctx.scheduler.runAfter(
    0,
    internal.sweeps.eraseHeads,
    projectKey === undefined ? rest : { ...rest, projectKey },
  );
}

async function findChunk(ctx: Writing, head: Doc<"transcriptHeads">, chunkId: string) {
  return await ctx.db
    .query("transcripts")
    .withIndex("by_chunk", (q) => q.eq("headId", head._id).eq("chunkId", chunkId))
    .first();
}

/** Return what clients see of a transcript's head. */
export function headRow(head: Doc<"transcriptHeads">): HeadRow {
  const { _id, _creationTime, userId, sessionId, ...row } = head;
  return row;
}

/** Return what clients see of a transcript's chunk. */
export function chunkRow(chunk: Doc<"transcripts">): ChunkRow {
  const { _id, _creationTime, sessionId, headId, subpath, ...row } = chunk;
  return row;
}
