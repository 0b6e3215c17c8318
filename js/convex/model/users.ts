import type { UserIdentity } from "convex/server";
import type { Doc } from "../_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "../_generated/server";

/** Find the user of a verified identity; null before their first sign-in. */
export async function findUser(db: DatabaseReader, identity: UserIdentity) {
  return await db
    .query("users")
    .withIndex("by_token", (q) => q.eq("tokenIdentifier", identity.tokenIdentifier))
    .unique();
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

/** What an identity says about a person. An address counts only once its provider verified it. */
export function profile(identity: UserIdentity) {
  const { email, emailVerified, name, nickname, pictureUrl, preferredUsername, subject } = identity;
  return {
    name: name ?? preferredUsername ?? nickname ?? subject,
    ...(email !== undefined && emailVerified !== false ? { email } : {}),
    ...(pictureUrl === undefined ? {} : { imageUrl: pictureUrl }),
  };
}
