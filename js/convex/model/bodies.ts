import type { Id } from "../_generated/dataModel";
import type { DatabaseReader } from "../_generated/server";
import { refusal } from "./errors";
import { checkCount, checkSize, EXTRA_BYTES, JSON_BYTES, ROW_BYTES } from "./limits";
import type { Body } from "./values";

/** Refuse a row that does not fit a document, or whose content is in two places or lost. */
export async function checkBody(
  db: DatabaseReader,
  sessionId: Id<"sessions">,
  row: Body & { clientId: string; extra?: string },
) {
  const id = row.clientId;
  const places = [row.content.length > 0, row.packed !== undefined, row.file !== undefined];
  if (places.filter(Boolean).length > 1)
    throw refusal("Invalid", "The content is in more than one place.", { clientId: id });
  checkCount("blocks", row.content);
  for (const block of row.content) checkSize("A content block", block.json, JSON_BYTES, id);
  checkSize("extra", row.extra, EXTRA_BYTES, id);
  checkSize("The content", row, ROW_BYTES, id);
  if (row.file !== undefined) await checkFile(db, sessionId, row.file, id);
}

/** Refuse a reference to a file that this session doesn't have. */
export async function checkFile(
  db: DatabaseReader,
  sessionId: Id<"sessions">,
  sha256: string,
  id: string,
) {
  if ((await findFile(db, sessionId, sha256)) === null)
    throw refusal("Invalid", "The content's file was not saved.", { clientId: id });
}

export async function findFile(db: DatabaseReader, sessionId: Id<"sessions">, sha256: string) {
  return await db
    .query("files")
    .withIndex("by_hash", (q) => q.eq("sessionId", sessionId).eq("sha256", sha256))
    .first();
}
