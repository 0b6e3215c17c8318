/** A person's list: their own sessions and those shared with them, as one. */
import type { PaginationOptions } from "convex/server";
import { mergedStream, stream } from "convex-helpers/server/stream";
import type { Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import schema from "../schema";
import { listedSession, sessionRow } from "./sessions";

/** Sessions of others that a search finds at most. */
const FOUND = 50;

interface Wish {
  archived: boolean;
  options: PaginationOptions;
}

/** Return a page of the list, most recently active first. */
export async function pageOf(db: DatabaseReader, userId: Id<"users">, { archived, options }: Wish) {
  const tables = stream(db, schema);
  const [own, shared] = [tables.query("sessions"), tables.query("shared")];
  const lists = archived
    ? ([
        own.withIndex("by_user", (q) => q.eq("userId", userId).eq("deletedAt", undefined)),
        shared.withIndex("by_user", (q) => q.eq("userId", userId).eq("goneAt", undefined)),
      ] as const)
    : ([
        own.withIndex("by_user_archived", (q) =>
          q.eq("userId", userId).eq("deletedAt", undefined).eq("archivedAt", undefined),
        ),
        shared.withIndex("by_user_archived", (q) =>
          q.eq("userId", userId).eq("goneAt", undefined).eq("archivedAt", undefined),
        ),
      ] as const);
  const rows = [
    lists[0].order("desc").map(async (row) => sessionRow(row)),
    lists[1].order("desc").map(async (row) => await listedSession(db, row)),
  ];
  return await mergedStream(rows, ["lastActivityAt"]).paginate(options);
}

/** Return what changed in the list after a time, in that order. */
export function changedIn(db: DatabaseReader, userId: Id<"users">, after: number) {
  const tables = stream(db, schema);
  const own = tables
    .query("sessions")
    .withIndex("by_user_updated", (q) => q.eq("userId", userId).gt("updatedAt", after));
  const shared = tables
    .query("shared")
    .withIndex("by_user_updated", (q) => q.eq("userId", userId).gt("updatedAt", after));
  const rows = [
    own.map(async (row) => sessionRow(row)),
    shared.map(async (row) => await listedSession(db, row)),
  ];
  return mergedStream(rows, ["updatedAt"]);
}

/** Return a page of what has these words, best first; those of others come with the first one. */
export async function findIn(
  db: DatabaseReader,
  userId: Id<"users">,
  { wanted, archived, options }: Wish & { wanted: string },
) {
  const found = await db
    .query("sessions")
    .withSearchIndex("search_text", (q) => {
      const own = q.search("searchText", wanted).eq("userId", userId);
      return archived ? own : own.eq("archivedAt", undefined);
    })
    .paginate(options);
  const page = found.page.map((row) => sessionRow(row));
  if (options.cursor !== null) return { ...found, page };
  const shared = await db
    .query("shared")
    .withSearchIndex("search_text", (q) => {
      const live = q.search("searchText", wanted).eq("userId", userId).eq("goneAt", undefined);
      return archived ? live : live.eq("archivedAt", undefined);
    })
    .take(FOUND);
  const theirs = await Promise.all(shared.map((row) => listedSession(db, row)));
  return { ...found, page: [...page, ...theirs] };
}
