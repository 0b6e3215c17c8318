/** The one door to a session: whatever a function does to one, it asks here first (S5). */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, MutationCtx, QueryCtx } from "../_generated/server";
import { notFound, refusal } from "./errors";
import { selves } from "./users";
import type { Role } from "./values";

export type Reading = QueryCtx & { user: Doc<"users"> | null };
export type Writing = MutationCtx & { user: Doc<"users"> };

const MAY: Record<Role, readonly Need[]> = {
  owner: ["read", "write", "own"],
  editor: ["read", "write"],
  viewer: ["read"],
};
export type Need = "read" | "write" | "own";

/** What a caller may do in a session. It holds no part of the session's row. */
export interface Access {
  sessionId: Id<"sessions">;
  clientId: string;
  role: Role;
}

export type Caller = { db: DatabaseReader; user: Doc<"users"> | null };

/** Return the caller's access to a session, null if they are no member of it. */
export async function accessTo({ db, user }: Caller, clientId: string): Promise<Access | null> {
  if (user === null) return null;
  const member = await membership(db, user, clientId);
  return member && { sessionId: member.sessionId, clientId, role: member.role };
}

async function membership(db: DatabaseReader, user: Doc<"users">, clientId: string) {
  for (const userId of selves(user)) {
    const member = await memberOf(db, userId, clientId);
    if (member !== null) return member;
  }
  return null;
}

/** Find what makes a user a member of a session. */
export async function memberOf(db: DatabaseReader, userId: Id<"users">, clientId: string) {
  return await db
    .query("members")
    .withIndex("by_user", (q) => q.eq("userId", userId).eq("clientId", clientId))
    .first();
}

/**
 * Return the caller's access to a session. Whoever is no member is not told whether it exists; a
 * member, who knows, is told what they may not do.
 */
export async function sessionFor(ctx: Caller, clientId: string, need: Need): Promise<Access> {
  const access = await accessTo(ctx, clientId);
  if (access === null) throw notFound();
  checkRole(access, need);
  return access;
}

/** Refuse what a member's role does not allow. */
export function checkRole({ role }: Access, need: Need) {
  if (MAY[role].includes(need)) return;
  const words =
    need === "own" ? "Only the session's owner may do that." : "You may read this session only.";
  throw refusal("Forbidden", words, { need, role });
}

/** Read the row of a session that the caller has access to. */
export async function rowOf(ctx: Caller, access: Access): Promise<Doc<"sessions">> {
  const session = await ctx.db.get("sessions", access.sessionId);
  if (session === null || session.deletedAt !== undefined) throw notFound();
  return session;
}
