/**
 * How two users become one. Their identities are switched at once, in one transaction; what the
 * one that goes had follows in bounded batches. Until the last of them `absorbing` of the one
 * that stays names the other, and `selves` finds what was not moved yet.
 */
import { internal } from "../_generated/api";
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { memberOf } from "./access";
import { leaseOf } from "./leases";
import { readUpTo } from "./limits";
import { dropLinks } from "./links";
import { isAbove } from "./members";
import { changeSession, findSession, handOver } from "./sessions";
import { listed, listsOf } from "./shared";
import { nextStamp } from "./stamps";
import { identitiesOf, stubsOf } from "./users";

type Db = MutationCtx["db"];
export type Ids = { from: Id<"users">; to: Id<"users"> };
/** Moves up to `limit` rows and returns how many it met: fewer are the last. */
type Step = (db: Db, ids: Ids, limit: number) => Promise<number>;

/** Rows moved in one transaction; a session brings a few others along. */
const BATCH = 100;

/** Let all identities of one user be the other's, and begin to move what the user had. */
export async function joinUsers(ctx: MutationCtx, from: Doc<"users">, to: Doc<"users">) {
  const { db } = ctx;
  const { tokenIdentifier } = from;
  for (const { _id } of await identitiesOf(db, from._id))
    await db.patch("identities", _id, { userId: to._id });
  await db.insert("identities", { userId: to._id, tokenIdentifier, linkedAt: Date.now() });
  for (const { _id } of await stubsOf(db, from._id))
    await db.patch("users", _id, { joinedTo: to._id });
  await dropLinks({ db, user: from });
  await db.patch("users", from._id, { joinedTo: to._id });
  await db.patch("users", to._id, { absorbing: from._id });
  await moveRows(ctx, { from: from._id, to: to._id });
}

/** Move the next rows, and go on until nothing is left. */
export async function moveRows(ctx: MutationCtx, ids: Ids) {
  let left = BATCH;
  for (const step of STEPS) {
    left -= await step(ctx.db, ids, left);
    if (left <= 0) {
      await ctx.scheduler.runAfter(0, internal.linking.move, ids);
      return;
    }
  }
  await ctx.db.patch("users", ids.to, { absorbing: undefined });
}

const STEPS: Step[] = [
  async function workspaces(db, { from, to }, limit) {
    const query = db.query("workspaces").withIndex("by_user", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) {
      const known = await db
        .query("workspaces")
        .withIndex("by_user", (q) => q.eq("userId", to).eq("path", row.path))
        .first();
      // A session of one that goes finds that of the same folder when it is moved itself.
      if (known === null) await db.patch("workspaces", row._id, { userId: to });
      else await db.delete("workspaces", row._id);
    }
    return rows.length;
  },

  async function transcriptHeads(db, { from, to }, limit) {
    const query = db
      .query("transcriptHeads")
      .withIndex("by_user_project", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) await db.patch("transcriptHeads", row._id, { userId: to });
    return rows.length;
  },

  async function presence(db, { from, to }, limit) {
    const query = db.query("presence").withIndex("by_client", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) await db.patch("presence", row._id, { userId: to });
    return rows.length;
  },

  async function beats(db, { from, to }, limit) {
    const query = db.query("beats").withIndex("by_client", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) await db.patch("beats", row._id, { userId: to });
    return rows.length;
  },

  async function members(db, { from, to }, limit) {
    const query = db.query("members").withIndex("by_user", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) await moveMember(db, row, to);
    return rows.length;
  },

  async function shared(db, { from, to }, limit) {
    const query = db.query("shared").withIndex("by_client", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) await moveShared(db, row, to);
    return rows.length;
  },

  async function tombstones(db, { from, to }, limit) {
    const query = db.query("sessions").withIndex("by_user_updated", (q) => q.eq("userId", from));
    const { rows } = await readUpTo(query, limit);
    for (const row of rows) {
      // One that lives on under the same id must not be taken for deleted.
      if ((await findSession(db, row.clientId, to)) === null) await handOver({ db }, row, to);
      else await db.delete("sessions", row._id);
    }
    return rows.length;
  },
];

/** Move who may see a session, and the session itself if it is theirs. */
async function moveMember(db: Db, member: Doc<"members">, to: Id<"users">) {
  const session = await db.get("sessions", member.sessionId);
  const own = await memberOf(db, to, member.clientId);
  const isOwner = member.role === "owner";
  const lease = await leaseOf(db, member.sessionId);
  if (lease?.heldBy === member.userId) await db.patch("leases", lease._id, { heldBy: to });
  if (own?.sessionId === member.sessionId) {
    // Both were in it: the one person has the higher of the two roles.
    if (isAbove(member.role, own.role)) await db.patch("members", own._id, { role: member.role });
    await db.delete("members", member._id);
  } else if (own !== null && !isOwner) {
    await db.delete("members", member._id); // their own one of this id hides it
    return;
  } else await db.patch("members", member._id, { userId: to });
  if (!isOwner || session === null) return;
  await dropListed(db, session, to);
  if (lease !== null) await db.patch("leases", lease._id, { userId: to });
  const isTaken = (await findSession(db, session.clientId, to)) !== null;
  const clientId = isTaken ? crypto.randomUUID() : session.clientId;
  if (isTaken) await rename(db, session, clientId);
  await handOver({ db }, session, to, clientId);
}

/** Move a session in a person's list, after who is a member; drop it where they have it already. */
async function moveShared(db: Db, row: Doc<"shared">, to: Id<"users">) {
  const { sessionId, clientId } = row;
  const own = await memberOf(db, to, clientId);
  const known = await listed(db, to, clientId);
  const isTheirs = own !== null && (own.sessionId !== sessionId || own.role === "owner");
  const updatedAt = await nextStamp(db, to);
  if (!isTheirs && known === null)
    return await db.patch("shared", row._id, { userId: to, updatedAt });
  await db.delete("shared", row._id);
  const { searchText } = row;
  if (!isTheirs && own !== null && known?.goneAt !== undefined)
    await db.patch("shared", known._id, { goneAt: undefined, searchText, updatedAt });
  await checkShared(db, sessionId);
}

/** Forget that a session was shared with a person: now it is their own. */
async function dropListed(db: Db, { _id, clientId }: Doc<"sessions">, userId: Id<"users">) {
  const row = await listed(db, userId, clientId);
  if (row === null) return;
  await db.delete("shared", row._id);
  await checkShared(db, _id);
}

async function checkShared(db: Db, sessionId: Id<"sessions">) {
  const session = await db.get("sessions", sessionId);
  if (session?.isShared && (await listsOf(db, sessionId)).length === 0)
    await changeSession({ db }, session, { isShared: undefined });
}

/** Give a session another id where it is named by it: the person has another one of the same. */
async function rename(db: Db, { _id }: Doc<"sessions">, clientId: string) {
  const members = db.query("members").withIndex("by_session", (q) => q.eq("sessionId", _id));
  for await (const row of members) await db.patch("members", row._id, { clientId });
  const lists = db.query("shared").withIndex("by_session", (q) => q.eq("sessionId", _id));
  for await (const row of lists) await db.patch("shared", row._id, { clientId });
  const heads = db.query("transcriptHeads").withIndex("by_session", (q) => q.eq("sessionId", _id));
  for await (const row of heads) await db.patch("transcriptHeads", row._id, { session: clientId });
  const lease = await leaseOf(db, _id);
  if (lease !== null) await db.patch("leases", lease._id, { session: clientId });
}
