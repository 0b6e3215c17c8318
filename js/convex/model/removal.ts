/** How a session goes: access at once, its contents in bounded batches. */
import { internal } from "../_generated/api";
import type { Doc, Id } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import { readUpTo } from "./limits";
import { ABSENT, changeSession } from "./sessions";
import { listsOf, takeFromList } from "./shared";

/** Rows deleted in one transaction, which also ends at 4 MiB read. */
const BATCH = 200;

const PARTS = [
  "members",
  "invites",
  "leases",
  "presence",
  "streams",
  "todos",
  "approvals",
  "messages",
  "transcripts",
  "transcriptHeads",
  "files",
] as const;
type Part = (typeof PARTS)[number];

/** Leave of a session only that it was deleted, which its people's servers have to learn. */
export async function bury(ctx: MutationCtx, sessionId: Id<"sessions">) {
  const session = await ctx.db.get("sessions", sessionId);
  if (session === null) return;
  for (const row of await listsOf(ctx.db, sessionId)) await takeFromList(ctx.db, row);
  await changeSession(ctx, session, {
    ...ABSENT,
    isShared: undefined,
    deletedAt: Date.now(),
    name: "",
    cwd: "",
    phase: { type: "idle" },
    isClaudeBusy: false,
  });
  const members = await ctx.db
    .query("members")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId))
    .collect();
  for (const member of members) await ctx.db.delete("members", member._id);
  await ctx.scheduler.runAfter(0, internal.sweeps.eraseSession, { sessionId });
}

/** Delete the next rows of a session; say whether there are more. */
export async function eraseSome(ctx: MutationCtx, sessionId: Id<"sessions">): Promise<boolean> {
  let left = BATCH;
  for (const part of PARTS) {
    const { rows, more } = await readUpTo(partOf(ctx, part, sessionId), left);
    for (const row of rows) await eraseRow(ctx, part, row);
    left -= rows.length;
    if (more || left === 0) return true;
  }
  return false;
}

async function eraseRow(ctx: MutationCtx, part: Part, row: Doc<Part>) {
  if (part === "files") await ctx.storage.delete((row as Doc<"files">).storageId);
  await ctx.db.delete(part, row._id);
}

function partOf(ctx: MutationCtx, part: Part, sessionId: Id<"sessions">) {
  // The tables differ, but not in what is used here, so one stands for all.
  return ctx.db
    .query(part as "leases")
    .withIndex("by_session", (q) => q.eq("sessionId", sessionId));
}
