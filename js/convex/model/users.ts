import type { UserIdentity } from "convex/server";
import type { Doc, Id } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";

/** Find the user of a verified identity; null before their first sign-in. */
export async function findUser(db: DatabaseReader, { tokenIdentifier }: UserIdentity) {
  return await userOf(db, tokenIdentifier);
}

/** Find the user whose first identity, or one that was linked to it, is this one. */
export async function userOf(db: DatabaseReader, tokenIdentifier: string) {
  const first = await db
    .query("users")
    .withIndex("by_token", (q) =>
      q.eq("tokenIdentifier", tokenIdentifier).eq("joinedTo", undefined),
    )
    .unique();
  if (first !== null) return first;
  const linked = await db
    .query("identities")
    .withIndex("by_token", (q) => q.eq("tokenIdentifier", tokenIdentifier))
    .unique();
  return linked && (await db.get("users", linked.userId));
}

/** Find the user of a verified identity, or make one at the first sign-in. */
export async function ensureUser(
  db: DatabaseWriter,
  identity: UserIdentity,
): Promise<Doc<"users">> {
  const known = await findUser(db, identity);
  if (known !== null) return known;
  const id = await db.insert("users", {
    ...profile(identity),
    tokenIdentifier: identity.tokenIdentifier,
  });
  const user = await db.get("users", id);
  if (user === null) throw new Error("A user that was just made is gone.");
  return user;
}

/** Return the person that an id stands for: a user may have been joined to another since. */
export async function personOf(db: DatabaseReader, id: Id<"users">): Promise<Doc<"users"> | null> {
  const user = await db.get("users", id);
  // One step: whoever was joined to a user is moved along when that one is joined.
  return user?.joinedTo === undefined ? user : await db.get("users", user.joinedTo);
}

/** Return the ids under which a user's rows may stand: those being joined to it, too. */
export function selves(user: Doc<"users">): Id<"users">[] {
  return user.absorbing === undefined ? [user._id] : [user._id, user.absorbing];
}

/** Return the identities that were linked to a user's first one. */
export async function identitiesOf(db: DatabaseReader, userId: Id<"users">) {
  const rows = db.query("identities").withIndex("by_user", (q) => q.eq("userId", userId));
  return await rows.collect();
}

/** Return the users that were joined to one: only their rows' author is left of them. */
export async function stubsOf(db: DatabaseReader, userId: Id<"users">) {
  const rows = db.query("users").withIndex("by_joined", (q) => q.eq("joinedTo", userId));
  return await rows.collect();
}

/** Return all ids that rows may have of a person, those of users joined to them included. */
export async function idsOf(db: DatabaseReader, user: Doc<"users"> | null) {
  if (user === null) return new Set<Id<"users">>();
  return new Set([...selves(user), ...(await stubsOf(db, user._id)).map(({ _id }) => _id)]);
}

/** What an identity says about a person. An address counts only once its provider verified it. */
export function profile(identity: UserIdentity) {
  const { email, emailVerified, name, nickname, pictureUrl, preferredUsername, subject } = identity;
  return {
    name: name ?? preferredUsername ?? nickname ?? subject,
    ...(email !== undefined && emailVerified !== false ? { email } : {}),
    ...(pictureUrl === undefined ? {} : { imageUrl: pictureUrl }),
  };
}
