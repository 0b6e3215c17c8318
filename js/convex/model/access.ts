/** The one door to a session: whatever a function does to one, it asks here first (S5). */
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, MutationCtx, QueryCtx } from "../_generated/server";
import { notFound } from "./errors";
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

type Caller = { db: DatabaseReader; user: Doc<"users"> | null };

/** Return the caller's access to a session, null if they have none of this kind. */
export async function accessTo(ctx: Caller, clientId: string, need: Need): Promise<Access | null> {
  const { user } = ctx;
  if (user === null) return null;
  const member = await memberOf(ctx.db, user, clientId);
  if (member === null || !MAY[member.role].includes(need)) return null;
  return { sessionId: member.sessionId, clientId, role: member.role };
}

async function memberOf(db: DatabaseReader, user: Doc<"users">, clientId: string) {
  for (const userId of selves(user)) {
    const member = await db
      .query("members")
      .withIndex("by_user", (q) => q.eq("userId", userId).eq("clientId", clientId))
      .first();
    if (member !== null) return member;
  }
  return null;
}

/** Return the caller's access to a session, or refuse without a word on whether it exists. */
export async function sessionFor(ctx: Caller, clientId: string, need: Need): Promise<Access> {
  const access = await accessTo(ctx, clientId, need);
  if (access === null) throw notFound();
  return access;
}

/** Read the row of a session that the caller has access to. */
export async function rowOf(ctx: Caller, access: Access): Promise<Doc<"sessions">> {
  const session = await ctx.db.get("sessions", access.sessionId);
  if (session === null || session.deletedAt !== undefined) throw notFound();
  return session;
}
