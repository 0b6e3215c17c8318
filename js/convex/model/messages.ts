import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import type { Access, Writing } from "./access";
import { checkBody } from "./bodies";
import { refusal } from "./errors";
import { checkFinite } from "./limits";
import { clearStreams } from "./streams";
import type { MessageInput, MessageRow } from "./values";

/** What an append did: each message's place, and what the session's counters gain. */
export interface Inserted {
  seqs: { clientId: string; seq: number }[];
  count: number;
  costUsd: number;
  newest: number;
}

/**
 * Insert the messages that aren't there yet, in the order given (S2, S3). A message that is
 * there keeps its place and its content.
 */
export async function insertMessages(
  ctx: Writing,
  access: Access,
  nextSeq: number,
  messages: MessageInput[],
): Promise<Inserted> {
  const { sessionId } = access;
  const known = new Map<string, number>();
  const rows = await Promise.all(messages.map((each) => findMessage(ctx, access, each.clientId)));
  for (const row of rows) if (row !== null) known.set(row.clientId, row.seq);
  const done: Inserted = { seqs: [], count: 0, costUsd: 0, newest: 0 };
  for (const message of messages) {
    let seq = known.get(message.clientId);
    if (seq === undefined) {
      seq = nextSeq + done.count;
      await checkBody(ctx.db, sessionId, message);
      checkFinite("A time", message.timestamp, message.clientId);
      checkFinite("A cost", message.cost, message.clientId);
      await ctx.db.insert("messages", {
        ...message,
        seq,
        sessionId,
        authorId: ctx.user._id,
        authorName: ctx.user.name,
      });
      known.set(message.clientId, seq);
      done.count += 1;
      done.costUsd += message.cost ?? 0;
      done.newest = Math.max(done.newest, message.timestamp);
    }
    done.seqs.push({ clientId: message.clientId, seq });
  }
  await clearStreams(ctx, sessionId, [...known.keys()]);
  return done;
}

/** Refuse messages that others crossed: the places behind what was known are not all theirs. */
export function checkCrossed(done: Inserted, last: number, knew: { seq: number; mine: number }) {
  const theirs = new Set(done.seqs.map((each) => each.seq).filter((seq) => seq > knew.seq));
  if (last - knew.seq > knew.mine + theirs.size)
    throw refusal("Crossed", "Somebody else wrote in the session meanwhile.");
}

export async function findMessage(
  ctx: { db: DatabaseReader },
  { sessionId }: Access,
  clientId: string,
): Promise<Doc<"messages"> | null> {
  return await ctx.db
    .query("messages")
    .withIndex("by_client", (q) => q.eq("sessionId", sessionId).eq("clientId", clientId))
    .first();
}

/** Return what a member, whose ids are `mine`, sees of a message's row. */
export function messageRow(message: Doc<"messages">, mine: Set<Id<"users">>): MessageRow {
  const { _id, _creationTime, sessionId, authorName, ...row } = message;
  const author = authorName === undefined ? null : { name: authorName, me: mine.has(row.authorId) };
  return { ...row, author };
}
