/** Who may see a session: how people come, change and go. */
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Access, Caller, Writing } from "./access";
import { notFound, refusal } from "./errors";
import { COUNTS } from "./limits";
import { changeSession } from "./sessions";
import { listsOf, putIntoList, sharedRow, takeFromList } from "./shared";
import { personOf, selves } from "./users";
import type { GuestRole, Member, Role } from "./values";
import { endWork } from "./work";

const RANK: Record<Role, number> = { viewer: 0, editor: 1, owner: 2 };

/** Say whether a role may do something that the other may not. */
export function isAbove(one: Role, other: Role) {
  return RANK[one] > RANK[other];
}

/** Return all members, the owner first, then in the order in which they came. */
export async function membersOf({ db, user }: Caller, { sessionId, role }: Access) {
  const rows = await memberRows({ db }, sessionId);
  rows.sort((a, b) => Number(b.role === "owner") - Number(a.role === "owner"));
  const users = await Promise.all(rows.map((row) => personOf(db, row.userId)));
  return rows.map((row, n): Member => {
    const { name = "", email } = users[n] ?? {};
    const shown = { member: row.userId, name, role: row.role, since: row._creationTime };
    const me = users[n]?._id === user?._id;
    return { ...shown, me, ...(role === "owner" && email !== undefined ? { email } : {}) };
  });
}

/** Make the caller a member. */
export async function join(ctx: Writing, session: Doc<"sessions">, role: GuestRole) {
  const { _id: sessionId, clientId } = session;
  const userId = ctx.user._id;
  const limit = COUNTS.members;
  if ((await listsOf(ctx.db, sessionId)).length >= limit)
    throw refusal("TooLarge", `A session has ${limit} members at most.`, { limit });
  await ctx.db.insert("members", { sessionId, userId, clientId, role });
  await changeSession(ctx, session, { isShared: true });
  await putIntoList(ctx.db, ctx.user, session);
}

/** Give a member another role; what the lower one does not allow ends. */
export async function giveRole(ctx: MutationCtx, member: Doc<"members">, role: GuestRole) {
  if (member.role === role) return;
  const { _id, userId, sessionId, clientId } = member;
  await ctx.db.patch("members", _id, { role });
  const session = await ctx.db.get("sessions", sessionId);
  const user = await personOf(ctx.db, userId);
  if (session !== null && user !== null) await putIntoList(ctx.db, user, session);
  if (isAbove(role, member.role)) return;
  await bar(ctx, userId, clientId);
  await endWork(ctx, sessionId, userId);
}

/** Make somebody be no member any more: from here on they have no access. */
export async function dismiss(ctx: MutationCtx, member: Doc<"members">) {
  const { _id, userId, sessionId, clientId } = member;
  await ctx.db.delete("members", _id);
  const user = await personOf(ctx.db, userId);
  const row = user && (await sharedRow(ctx.db, user, clientId));
  if (row !== null) await takeFromList(ctx.db, row);
  const here = await ctx.db
    .query("presence")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId).eq("userId", userId))
    .collect();
  for (const each of here) await ctx.db.delete("presence", each._id);
  await endWork(ctx, sessionId, userId);
  const session = await ctx.db.get("sessions", sessionId);
  if (session !== null && (await listsOf(ctx.db, sessionId)).length === 0)
    await changeSession(ctx, session, { isShared: undefined });
}

/** Note that the owner took something from a person: older invitations don't give it back. */
export async function bar(ctx: MutationCtx, userId: Id<"users">, clientId: string) {
  const user = await personOf(ctx.db, userId);
  const row = user && (await sharedRow(ctx.db, user, clientId));
  if (row !== null) await ctx.db.patch("shared", row._id, { barredAt: Date.now() });
}

/** Find a member whom the owner may change; the owner is none. */
export async function memberFor(ctx: Writing, { sessionId }: Access, member: string) {
  const userId = ctx.db.normalizeId("users", member);
  const rows = await memberRows(ctx, sessionId);
  const found = rows.find((row) => row.userId === userId);
  if (found === undefined) throw notFound("member");
  if (found.role === "owner") throw refusal("Invalid", "The owner's role can't be changed.");
  return found;
}

/** Find the caller's own row. */
export async function ownMember(ctx: Writing, access: Access) {
  const mine = selves(ctx.user);
  const found = (await memberRows(ctx, access.sessionId)).find((row) => mine.includes(row.userId));
  if (found === undefined) throw notFound();
  return found;
}

/** There are 50 at most, and the owner. */
async function memberRows({ db }: Pick<Caller, "db">, sessionId: Id<"sessions">) {
  return await db
    .query("members")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .collect();
}
