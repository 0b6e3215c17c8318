import type { Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";

/**
 * Return a time for `updatedAt` later than that of anything in this person's list. Clock readings
 * alone can tie, and can be out of the order of the commits; reading the newest rows makes the
 * database put the mutations that change one list in order.
 */
export async function nextStamp(db: DatabaseReader, userId: Id<"users">) {
  const own = await db
    .query("sessions")
    .withIndex("by_user_updated", (q) => q.eq("userId", userId))
    .order("desc")
    .first();
  const shared = await db
    .query("shared")
    .withIndex("by_user_updated", (q) => q.eq("userId", userId))
    .order("desc")
    .first();
  return Math.max(Date.now(), (own?.updatedAt ?? 0) + 1, (shared?.updatedAt ?? 0) + 1);
}
