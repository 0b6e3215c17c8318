/** A session's row: how it is made, changed and shown. */
import { convexToJson, type Value } from "convex/values";
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";
import { type Access, accessTo, rowOf, sessionFor, type Writing } from "./access";
import { notFound, refusal } from "./errors";
import { checkSize, EXTRA_BYTES, TEXT_BYTES } from "./limits";
import { selves } from "./users";
import type { Role, SessionInput, SessionPatch, SessionRow } from "./values";
import { ensureWorkspace } from "./workspaces";

type Session = Doc<"sessions">;
type Columns = Omit<Session, "_id" | "_creationTime">;
/** Columns to write; one that is undefined is cleared. */
type Change = { [Key in keyof Columns]?: Columns[Key] | undefined };

/** Every column that an input may leave out, so that leaving it out clears it. */
export const ABSENT = {
  title: undefined,
  workspace: undefined,
  gitRemote: undefined,
  baseCommit: undefined,
  notebook: undefined,
  origin: undefined,
  claudeSessionId: undefined,
  model: undefined,
  archivedAt: undefined,
  server: undefined,
  extra: undefined,
};

/** Make a session, or give the caller's own of this id the input's columns. */
export async function upsertSession(ctx: Writing, input: SessionInput): Promise<Access> {
  checkTexts(input);
  const access = await accessTo(ctx, input.clientId, "write");
  if (access === null) return await createSession(ctx, input);
  const { clientId: _, createdAt: __, ...columns } = input;
  await changeSession(ctx, await rowOf(ctx, access), { ...ABSENT, ...columns });
  return access;
}

async function createSession(ctx: Writing, input: SessionInput): Promise<Access> {
  const { clientId } = input;
  const userId = ctx.user._id;
  const known = selves(ctx.user).map(async (self) => await findSession(ctx.db, clientId, self));
  const tombstone = (await Promise.all(known)).find((row) => row !== null) ?? null;
  // A viewer's own session would shadow the one that was shared with them.
  const shared = await accessTo(ctx, clientId, "read");
  if (tombstone !== null || shared !== null) throw notFound();
  const sessionId = await ctx.db.insert("sessions", {
    ...input,
    userId,
    workspaceId: await workspaceOf(ctx, userId, input),
    searchText: searchText(input),
    nextSeq: 1,
    messageCount: 0,
    costUsd: 0,
    updatedAt: await nextStamp(ctx.db, userId),
  });
  await ctx.db.insert("members", { sessionId, userId, clientId, role: "owner" });
  return { sessionId, clientId, role: "owner" };
}

/** Find a user's own session by its id, a deleted one included. */
export async function findSession(db: DatabaseReader, clientId: string, userId: Id<"users">) {
  return await db
    .query("sessions")
    .withIndex("by_client", (q) => q.eq("clientId", clientId).eq("userId", userId))
    .first();
}

/** Let a session be another user's own, who finds it as one that just changed. */
export async function handOver(
  ctx: { db: DatabaseWriter },
  session: Session,
  userId: Id<"users">,
  clientId = session.clientId,
) {
  const deleted = session.deletedAt !== undefined;
  await ctx.db.patch("sessions", session._id, {
    userId,
    clientId,
    workspaceId: deleted ? session.workspaceId : await workspaceOf(ctx, userId, session),
    updatedAt: await nextStamp(ctx.db, userId),
  });
}

/** Change what a caller with write access names. */
export async function patchSession(ctx: Writing, clientId: string, patch: SessionPatch) {
  const access = await sessionFor(ctx, clientId, "write");
  await applyPatch(ctx, access, patch);
  return await shownSession(ctx, access);
}

/** Change the columns that a patch names. */
export async function applyPatch(ctx: Writing, access: Access, patch: SessionPatch) {
  checkTexts(patch);
  const change = Object.fromEntries(
    Object.entries(patch).map(([key, value]) => [key, value ?? undefined]),
  );
  await changeSession(ctx, await rowOf(ctx, access), change);
}

/**
 * Write the columns that differ, with what follows from them. Where none does, nothing is
 * written, so that a retry wakes nobody.
 */
export async function changeSession(
  ctx: { db: DatabaseWriter },
  session: Session,
  change: Change,
): Promise<void> {
  const differing = Object.entries(change).filter(
    ([key, value]) => !same(session[key as keyof Session], value),
  );
  if (differing.length === 0) return;
  const next = { ...session, ...change } as Session;
  const moved = next.workspace !== session.workspace || next.cwd !== session.cwd;
  const elsewhere = moved && next.deletedAt === undefined;
  await ctx.db.patch("sessions", session._id, {
    ...Object.fromEntries(differing),
    ...(elsewhere ? { workspaceId: await workspaceOf(ctx, session.userId, next) } : {}),
    searchText: searchText(next),
    updatedAt: await nextStamp(ctx.db, session.userId),
  });
}

/** Read a session as clients see it. */
export async function shownSession(ctx: Writing, access: Access): Promise<SessionRow> {
  return sessionRow(await rowOf(ctx, access), access.role);
}

/** Return what clients see of a session's row. */
export function sessionRow(session: Session, role: Role): SessionRow {
  const { _id, _creationTime, userId, workspaceId, searchText, ...row } = session;
  return { ...row, role };
}

/** Refuse texts that are no names but contents. */
function checkTexts({ extra, ...columns }: SessionInput | SessionPatch) {
  if (typeof extra === "string") checkSize("extra", extra, EXTRA_BYTES);
  for (const [key, value] of Object.entries(columns)) {
    if (value !== null) checkSize(key, value, TEXT_BYTES);
  }
  if (columns.name?.trim() === "") throw refusal("Invalid", "A session's name is empty.");
}

/**
 * Return a time for `updatedAt` later than that of any session of this owner. Clock readings
 * alone can tie, and can be out of the order of the commits; reading the newest row makes the
 * database put the mutations of one owner in order.
 */
async function nextStamp(db: DatabaseReader, userId: Id<"users">) {
  const newest = await db
    .query("sessions")
    .withIndex("by_user_updated", (q) => q.eq("userId", userId))
    .order("desc")
    .first();
  return Math.max(Date.now(), (newest?.updatedAt ?? 0) + 1);
}

async function workspaceOf(
  ctx: { db: DatabaseWriter },
  userId: Id<"users">,
  session: Pick<SessionInput, "workspace" | "cwd" | "gitRemote">,
) {
  return await ensureWorkspace(ctx.db, userId, {
    path: session.workspace ?? session.cwd,
    ...(session.gitRemote === undefined ? {} : { gitRemote: session.gitRemote }),
  });
}

function searchText({ name, title = "", cwd }: Pick<SessionInput, "name" | "title" | "cwd">) {
  return words(`${name} ${title} ${cwd}`);
}

/** Return a text's words, so that what is found does not hang on how an index parts paths. */
export function words(text: string) {
  return text.replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

function same(one: Value | undefined, other: Value | undefined) {
  if (one === undefined || other === undefined) return one === other;
  return JSON.stringify(convexToJson(one)) === JSON.stringify(convexToJson(other));
}
