/** How a person goes with all that is theirs, in bounded batches, when an administrator says so. */
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { accountBehind, removeAccount } from "./accounts";
import { readUpTo } from "./limits";
import { dismiss } from "./members";
import { bury } from "./removal";
import { identitiesOf, stubsOf } from "./users";

/** Sessions that one transaction takes; each brings its members and a few rows along. */
const SESSIONS = 20;
/** Rows of the other tables. */
const BATCH = 200;
/** Rows that are a person's own, and the index by which they are found. */
const OWN = {
  shared: "by_client",
  sessions: "by_user_updated",
  workspaces: "by_user",
  presence: "by_client",
  beats: "by_client",
  links: "by_user",
} as const;

/** Delete the next rows of a user, at last the user; say whether there are more. */
export async function eraseUser(ctx: MutationCtx, user: Doc<"users">): Promise<boolean> {
  const members = await ctx.db
    .query("members")
    .withIndex("by_user", (q) => q.eq("userId", user._id))
    .take(SESSIONS);
  for (const member of members) {
    if (member.role === "owner") await bury(ctx, member.sessionId);
    else await dismiss(ctx, member);
  }
  if (members.length > 0) return true;
  let left = BATCH;
  for (const [table, index] of Object.entries(OWN)) {
    // The tables differ, but not in what is used here, so one stands for all.
    const rows = ctx.db
      .query(table as "links")
      .withIndex(index as "by_user", (q) => q.eq("userId", user._id));
    const found = await readUpTo(rows, left);
    for (const { _id } of found.rows) await ctx.db.delete(table as "links", _id);
    left -= found.rows.length;
    if (found.more || left === 0) return true;
  }
  const identities = await identitiesOf(ctx.db, user._id);
  for (const { tokenIdentifier } of [user, ...identities]) {
    const account = await accountBehind(ctx.db, tokenIdentifier);
    if (account !== null) await removeAccount(ctx, account);
  }
  for (const { _id } of identities) await ctx.db.delete("identities", _id);
  for (const { _id } of [...(await stubsOf(ctx.db, user._id)), user])
    await ctx.db.delete("users", _id);
  return false;
}
