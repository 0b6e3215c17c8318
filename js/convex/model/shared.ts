/**
 * The lists of people with whom a session was shared: `shared` has a row for each session and
 * member but the owner, which changes with the session. So what only asks who is a member, in
 * `members`, need not run again.
 */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";
import type { Access } from "./access";
import { nextStamp } from "./stamps";
import { personOf, selves } from "./users";
import type { Role, SessionRow } from "./values";

/** A session's columns that a member's list is ordered and searched by. */
type Told = Pick<Doc<"sessions">, "lastActivityAt" | "searchText">;

/** Memberships that are looked through where there is no index over them: the newest. */
const NEWEST = 50;

/** Return a person's row for a session that is or was shared with them. */
export async function sharedRow(db: DatabaseReader, user: Doc<"users">, clientId: string) {
  for (const userId of selves(user)) {
    const row = await listed(db, userId, clientId);
    if (row !== null) return row;
  }
  return null;
}

/** Find where a session stands in the list of one user. */
export async function listed(db: DatabaseReader, userId: Id<"users">, clientId: string) {
  return await db
    .query("shared")
    .withIndex("by_client", (q) => q.eq("userId", userId).eq("clientId", clientId))
    .unique();
}

/** Put a session into a person's list, or back into it. */
export async function putIntoList(
  db: DatabaseWriter,
  user: Doc<"users">,
  session: Doc<"sessions">,
) {
  const { _id: sessionId, clientId, lastActivityAt, searchText } = session;
  const known = await sharedRow(db, user, clientId);
  const userId = known?.userId ?? user._id;
  const updatedAt = await nextStamp(db, userId);
  const row = { sessionId, userId, clientId, lastActivityAt, searchText, updatedAt };
  if (known === null) await db.insert("shared", row);
  else await db.patch("shared", known._id, { ...row, goneAt: undefined });
}

/** Make a session be gone from a person's list, which their servers have to learn. */
export async function takeFromList(db: DatabaseWriter, row: Doc<"shared">) {
  const goneAt = Date.now();
  const updatedAt = await nextStamp(db, row.userId);
  await db.patch("shared", row._id, { goneAt, updatedAt, searchText: "", archivedAt: undefined });
}

/** Move a session up in the lists of its members. */
export async function tellMembers(db: DatabaseWriter, sessionId: Id<"sessions">, told: Told) {
  const { lastActivityAt, searchText } = told;
  for (const row of await listsOf(db, sessionId))
    await db.patch("shared", row._id, {
      lastActivityAt,
      ...(searchText === row.searchText ? {} : { searchText }),
      updatedAt: await nextStamp(db, row.userId),
    });
}

/** Return the rows of all who have a session in their list; there are 50 at most. */
export async function listsOf(db: DatabaseReader, sessionId: Id<"sessions">) {
  return await db
    .query("shared")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId).eq("goneAt", undefined))
    .collect();
}

/** Take a session off a member's own list, or put it back: nobody else sees that. */
export async function archiveForMember(
  ctx: { db: DatabaseWriter; user: Doc<"users"> },
  { clientId }: Access,
  archivedAt: number | undefined,
) {
  const row = await sharedRow(ctx.db, ctx.user, clientId);
  if (row === null || row.archivedAt === archivedAt) return;
  const updatedAt = await nextStamp(ctx.db, row.userId);
  await ctx.db.patch("shared", row._id, { archivedAt, updatedAt });
}

/** Return the sessions that others share with a person, the newest memberships. */
export async function sharedWith(db: DatabaseReader, userId: Id<"users">) {
  const found: Doc<"members">[] = [];
  for (const role of ["editor", "viewer"] as const)
    found.push(
      ...(await db
        .query("members")
        .withIndex("by_role", (q) => q.eq("userId", userId).eq("role", role))
        .order("desc")
        .take(NEWEST)),
    );
  return found;
}

/** What of a session differs from member to member. */
export interface Seen {
  role: Role;
  owner: string;
  archivedAt: number | undefined;
  updatedAt: number;
}

export async function seenBy(
  db: DatabaseReader,
  { archivedAt, updatedAt }: Doc<"shared">,
  session: Doc<"sessions">,
  role: Role,
): Promise<Seen> {
  const owner = (await personOf(db, session.userId))?.name ?? "";
  return { role, owner, archivedAt, updatedAt };
}

/** Return what is left of a session for somebody who is no member any more. */
export function tombstone({ clientId, goneAt, lastActivityAt, updatedAt }: Doc<"shared">) {
  return {
    clientId,
    name: "",
    cwd: "",
    phase: { type: "idle" },
    isClaudeBusy: false,
    createdAt: 0,
    lastActivityAt,
    nextSeq: 0,
    messageCount: 0,
    costUsd: 0,
    updatedAt,
    deletedAt: goneAt ?? updatedAt,
    role: "viewer",
    owner: "",
    shared: false,
  } satisfies SessionRow;
}
