/** A session's row: how it is made, changed and shown. */
import { convexToJson, type Value } from "convex/values";
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";
import {
  type Access,
  accessTo,
  type Caller,
  checkRole,
  memberOf,
  rowOf,
  sessionFor,
  type Writing,
} from "./access";
import { notFound, refusal } from "./errors";
import { checkFinite, checkSize, EXTRA_BYTES, TEXT_BYTES } from "./limits";
import { archiveForMember, type Seen, seenBy, sharedRow, tellMembers, tombstone } from "./shared";
import { nextStamp } from "./stamps";
import { selves } from "./users";
import type { SessionInput, SessionPatch, SessionRow } from "./values";
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

/** What a session's id is made of, so that nowhere it can be taken for a name or a path. */
const ID = /^[0-9A-Za-z-]{8,64}$/;

/** What says where the owner has a session; nobody else moves it there. */
const PLACE = ["cwd", "workspace", "gitRemote", "baseCommit", "notebook", "origin"];

/** Make a session, or give the one of this id that the caller may write the input's columns. */
export async function upsertSession(ctx: Writing, input: SessionInput): Promise<Access> {
  checkTexts(input);
  const access = await accessTo(ctx, input.clientId);
  if (access === null) return await createSession(ctx, input);
  checkRole(access, "write");
  const { clientId: _, createdAt: __, ...columns } = input;
  await changeAs(ctx, access, { ...ABSENT, ...columns });
  return access;
}

/** Change a session as one who may write; where it is and who put it away is each member's own. */
async function changeAs(ctx: Writing, access: Access, change: Change) {
  const session = await rowOf(ctx, access);
  if (access.role === "owner") return await changeSession(ctx, session, change);
  const theirs = Object.entries(change).filter(
    ([key]) => key !== "archivedAt" && !PLACE.includes(key),
  );
  await changeSession(ctx, session, Object.fromEntries(theirs));
  if ("archivedAt" in change) await archiveForMember(ctx, access, change.archivedAt);
}

async function createSession(ctx: Writing, input: SessionInput): Promise<Access> {
  const { clientId } = input;
  // Other people's machines know the session by it, too.
  if (!ID.test(clientId)) throw refusal("Invalid", "That is no id of a session.");
  const userId = ctx.user._id;
  const known = selves(ctx.user).map(async (self) => await findSession(ctx.db, clientId, self));
  const tombstone = (await Promise.all(known)).find((row) => row !== null) ?? null;
  // What somebody still has of a session that was shared with them makes none of their own.
  const shared = await sharedRow(ctx.db, ctx.user, clientId);
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
  await changeAs(ctx, access, change);
}

/** Take a session off the caller's list, or put it back. */
export async function archiveSession(ctx: Writing, clientId: string, archived: boolean) {
  const access = await sessionFor(ctx, clientId, "read");
  const archivedAt = archived ? Date.now() : undefined;
  if (access.role === "owner") await changeSession(ctx, await rowOf(ctx, access), { archivedAt });
  else await archiveForMember(ctx, access, archivedAt);
  return await shownSession(ctx, access);
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
  const told = { lastActivityAt: next.lastActivityAt, searchText: searchText(next) };
  await ctx.db.patch("sessions", session._id, {
    ...Object.fromEntries(differing),
    ...(elsewhere ? { workspaceId: await workspaceOf(ctx, session.userId, next) } : {}),
    searchText: told.searchText,
    updatedAt: await nextStamp(ctx.db, session.userId),
  });
  const others = differing.some(([key]) => key !== "archivedAt");
  if (session.isShared && others) await tellMembers(ctx.db, session._id, told);
}

/** Read a session as the caller sees it. */
export async function shownSession(ctx: Caller, access: Access): Promise<SessionRow> {
  const session = await rowOf(ctx, access);
  if (access.role === "owner") return sessionRow(session);
  const row = ctx.user && (await sharedRow(ctx.db, ctx.user, access.clientId));
  if (row === null) throw notFound();
  return sessionRow(session, await seenBy(ctx.db, row, session, access.role));
}

/** Read a session that stands in a member's list, or what is left of it there. */
export async function listedSession(db: DatabaseReader, row: Doc<"shared">): Promise<SessionRow> {
  // Whoever is out must not hear of it when the session changes: nothing of it is read for them.
  if (row.goneAt !== undefined) return tombstone(row);
  const { userId, clientId, sessionId } = row;
  const member = await memberOf(db, userId, clientId);
  const session = await db.get("sessions", sessionId);
  if (member === null || session === null) return tombstone(row);
  return sessionRow(session, await seenBy(db, row, session, member.role));
}

/** Return what clients see of a session's row: its owner, or with `more` another member. */
export function sessionRow(session: Session, more?: Seen): SessionRow {
  const { _id, _creationTime, userId, workspaceId, searchText, isShared = false, ...row } = session;
  if (more === undefined) return { ...row, shared: isShared, role: "owner", owner: "" };
  const { archivedAt: _, ...theirs } = row;
  const { archivedAt, ...rest } = more;
  return {
    ...theirs,
    ...rest,
    ...(archivedAt === undefined ? {} : { archivedAt }),
    shared: isShared,
  };
}

/** Refuse texts that are no names but contents. */
function checkTexts({ extra, ...columns }: SessionInput | SessionPatch) {
  if (typeof extra === "string") checkSize("extra", extra, EXTRA_BYTES);
  for (const [key, value] of Object.entries(columns)) {
    if (typeof value === "number") checkFinite(key, value);
    if (value !== null) checkSize(key, value, TEXT_BYTES);
  }
  if (columns.name?.trim() === "") throw refusal("Invalid", "A session's name is empty.");
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
