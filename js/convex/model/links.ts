/** A one-time code by which a person with two identities says that both are theirs. */
import type { UserIdentity } from "convex/server";
import type { Infer } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";
import { hashOf } from "./sha256";
import type { linkedIdentity } from "./values";

/** How long a code lasts, and all that is done with it. */
export const LINK_MS = 10 * 60_000;

/** Return what the person is shown who is to know an identity again. */
export function whoIs(identity: UserIdentity): Infer<typeof linkedIdentity> {
  const { tokenIdentifier, subject, name = subject } = identity;
  return { tokenIdentifier, name };
}

/** Return a user's code that can still be used or confirmed. */
export async function openLink({ db, user }: { db: DatabaseReader; user: Doc<"users"> }) {
  const links = db.query("links").withIndex("by_user", (q) => q.eq("userId", user._id));
  return current(await links.unique());
}

/** Find a code that nobody has redeemed yet. */
export async function findLink(db: DatabaseReader, code: string) {
  const codeHash = hashOf(code);
  const links = db.query("links").withIndex("by_code", (q) => q.eq("codeHash", codeHash));
  const link = current(await links.first());
  return link?.other === undefined ? link : null;
}

/** Forget a user's code, used or not. */
export async function dropLinks({ db, user }: { db: DatabaseWriter; user: Doc<"users"> }) {
  const links = db.query("links").withIndex("by_user", (q) => q.eq("userId", user._id));
  for (const link of await links.collect()) await db.delete("links", link._id);
}

function current(link: Doc<"links"> | null) {
  return link !== null && link.expiresAt > Date.now() ? link : null;
}
