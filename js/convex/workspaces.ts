import { v } from "convex/values";
import { authedMutation, authedQuery } from "./functions";
import { checkSize, TEXT_BYTES } from "./model/limits";
import { ensureWorkspace } from "./model/workspaces";

const fields = { name: v.string(), path: v.string(), gitRemote: v.optional(v.string()) };
const MOST = 200;

/** Return the user's workspaces by path. */
export const list = authedQuery({
  args: {},
  returns: v.array(v.object(fields)),
  handler: async ({ db, user }) => {
    if (user === null) return [];
    const rows = await db
      .query("workspaces")
      .withIndex("by_user", (q) => q.eq("userId", user._id))
      .take(MOST);
    return rows.map(({ _id, _creationTime, userId, ...row }) => row);
  },
});

/** Make a workspace, or change the one of this path. */
export const upsert = authedMutation({
  args: fields,
  returns: v.null(),
  handler: async ({ db, user }, workspace) => {
    checkSize("A workspace", workspace, TEXT_BYTES);
    await ensureWorkspace(db, user._id, workspace);
    return null;
  },
});
