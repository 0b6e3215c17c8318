import type { Id } from "../_generated/dataModel";
import type { DatabaseWriter } from "../_generated/server";

interface Workspace {
  path: string;
  name?: string;
  gitRemote?: string;
}

/** Return the user's workspace of this path, made or changed as given. */
export async function ensureWorkspace(
  db: DatabaseWriter,
  userId: Id<"users">,
  workspace: Workspace,
): Promise<Id<"workspaces">> {
  const known = await db
    .query("workspaces")
    .withIndex("by_user", (q) => q.eq("userId", userId).eq("path", workspace.path))
    .first();
  if (known === null)
    return await db.insert("workspaces", { userId, name: baseName(workspace.path), ...workspace });
  const { name = known.name, gitRemote = known.gitRemote } = workspace;
  if (name !== known.name || gitRemote !== known.gitRemote)
    await db.patch("workspaces", known._id, { name, gitRemote });
  return known._id;
}

/** Return the last part of a path, of whichever system. */
function baseName(path: string) {
  return path.split(/[/\\]/).filter(Boolean).pop() ?? path;
}
