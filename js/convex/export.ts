import type { DocumentByInfo, GenericTableInfo, OrderedQuery } from "convex/server";
import { type Infer, v } from "convex/values";
import { authedQuery } from "./functions";
import { type Access, type Reading, sessionFor } from "./model/access";
import { approvalRow } from "./model/approvals";
import { refusal } from "./model/errors";
import { PAGE_BYTES } from "./model/limits";
import { membersOf } from "./model/members";
import { messageRow } from "./model/messages";
import { shownSession } from "./model/sessions";
import { todoRow } from "./model/todos";
import { chunkRow, headRow } from "./model/transcripts";
import { idsOf } from "./model/users";
import * as values from "./model/values";

const PAGE = 100;
/** Which transcript a head or a chunk is of; it means nothing outside of the export. */
const transcript = { transcript: v.id("transcriptHeads") };
const head = v.object({ ...values.headRow.fields, ...transcript });
const chunk = v.object({ ...values.chunkRow.fields, ...transcript });
const file = v.object({ ...values.fileRow.fields, url: v.union(v.string(), v.null()) });

const part = v.union(
  v.object({ kind: v.literal("session"), rows: v.array(values.sessionRow) }),
  v.object({ kind: v.literal("members"), rows: v.array(values.member) }),
  v.object({ kind: v.literal("messages"), rows: v.array(values.messageRow) }),
  v.object({ kind: v.literal("todos"), rows: v.array(values.todoRow) }),
  v.object({ kind: v.literal("approvals"), rows: v.array(values.approvalRow) }),
  v.object({ kind: v.literal("transcripts"), rows: v.array(head) }),
  v.object({ kind: v.literal("chunks"), rows: v.array(chunk) }),
  v.object({ kind: v.literal("files"), rows: v.array(file) }),
);
type Part = Infer<typeof part>;
type Kind = Part["kind"];
/** A part's rows, and where in it they end; null at its end. */
type Step = { part: Part; rest: string | null };

const ORDER: Kind[] = [
  "session",
  "members",
  "messages",
  "todos",
  "approvals",
  "transcripts",
  "chunks",
  "files",
];

/**
 * Return the next page of all that the caller may see of a session; `cursor` is null after the
 * last one.
 */
export const page = authedQuery({
  args: { session: v.string(), cursor: v.optional(v.string()) },
  returns: v.object({ part, cursor: v.union(v.string(), v.null()) }),
  handler: async (ctx, args) => {
    const access = await sessionFor(ctx, args.session, "read");
    const { kind, place } = parse(args.cursor ?? "session:");
    const { part, rest } = await STEPS[kind](ctx, access, place);
    const next = ORDER[ORDER.indexOf(kind) + 1];
    if (rest !== null) return { part, cursor: `${kind}:${rest}` };
    return { part, cursor: next === undefined ? null : `${next}:` };
  },
});

/** Read a cursor: a part's name, a colon, and Convex's own cursor in it. */
function parse(cursor: string): { kind: Kind; place: string | null } {
  const [name, ...more] = cursor.split(":");
  const kind = ORDER.find((each) => each === name);
  if (kind === undefined) throw refusal("Invalid", "That is no cursor of an export.");
  return { kind, place: more.join(":") || null };
}

const STEPS: Record<Kind, (ctx: Reading, access: Access, place: string | null) => Promise<Step>> = {
  session: async (ctx, access) => {
    const rows = [await shownSession(ctx, access)];
    return { part: { kind: "session", rows }, rest: null };
  },
  members: async (ctx, access) => {
    const rows = await membersOf(ctx, access);
    return { part: { kind: "members", rows }, rest: null };
  },
  messages: async (ctx, { sessionId }, place) => {
    const found = ctx.db
      .query("messages")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    const mine = await idsOf(ctx.db, ctx.user);
    return { part: { kind: "messages", rows: rows.map((row) => messageRow(row, mine)) }, rest };
  },
  todos: async (ctx, { sessionId }, place) => {
    const found = ctx.db
      .query("todos")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    return { part: { kind: "todos", rows: rows.map(todoRow) }, rest };
  },
  approvals: async (ctx, access, place) => {
    const { sessionId } = access;
    const found = ctx.db
      .query("approvals")
      .withIndex("by_session_updated", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    const mine = await idsOf(ctx.db, ctx.user);
    const shown = rows.map((row) => approvalRow(row, access, mine));
    return { part: { kind: "approvals", rows: shown }, rest };
  },
  transcripts: async (ctx, { sessionId }, place) => {
    const found = ctx.db
      .query("transcriptHeads")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    const shown = rows.map((row) => ({ ...headRow(row), transcript: row._id }));
    return { part: { kind: "transcripts", rows: shown }, rest };
  },
  chunks: async (ctx, { sessionId }, place) => {
    const found = ctx.db
      .query("transcripts")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    const shown = rows.map((row) => ({ ...chunkRow(row), transcript: row.headId }));
    return { part: { kind: "chunks", rows: shown }, rest };
  },
  files: async (ctx, { sessionId }, place) => {
    const found = ctx.db
      .query("files")
      .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
    const { rows, rest } = await paged(found, place);
    const shown = rows.map(async ({ sha256, size, mediaType, storageId }) => {
      return { sha256, size, mediaType, url: await ctx.storage.getUrl(storageId) };
    });
    return { part: { kind: "files", rows: await Promise.all(shown) }, rest };
  },
};

/** Read one page; it also ends where it gets large. */
async function paged<Table extends GenericTableInfo>(
  query: OrderedQuery<Table>,
  cursor: string | null,
): Promise<{ rows: DocumentByInfo<Table>[]; rest: string | null }> {
  const options = { cursor, numItems: PAGE, maximumBytesRead: PAGE_BYTES };
  const found = await query.paginate(options);
  return { rows: found.page, rest: found.isDone ? null : found.continueCursor };
}
