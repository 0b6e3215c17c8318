/** One session of Ada's with something in every table, and what there is instead for a stranger. */
import { api } from "../../convex/_generated/api";
import type { Id } from "../../convex/_generated/dataModel";
import {
  type Backend,
  bytes,
  hashOf,
  info,
  message,
  newId,
  type Person,
  sha256Of,
  upload,
  write,
} from "./backend";
import { linkUp, redeemed } from "./linked";

/** The ids by which a client names things. */
export interface Names {
  session: string;
  claudeSessionId: string;
  projectKey: string;
  message: string;
  streaming: string;
  approval: string;
  chunk: string;
  todo: string;
  sha256: string;
  clientKey: string;
  holder: string;
  storageId: Id<"_storage">;
  /** An identity that was linked, and one that only redeemed a code. */
  linked: string;
  redeemer: string;
  invite: string;
  member: string;
}

/** Return ids that name nothing. */
export async function noNames(backend: Backend): Promise<Names> {
  const storageId = await upload(backend, bytes(3));
  await backend.run(async (ctx) => await ctx.storage.delete(storageId));
  const text = () => `none-${newId()}`;
  return {
    session: text(),
    claudeSessionId: text(),
    projectKey: text(),
    message: text(),
    streaming: text(),
    approval: text(),
    chunk: text(),
    todo: text(),
    sha256: "f".repeat(64),
    clientKey: text(),
    holder: text(),
    storageId,
    linked: text(),
    redeemer: text(),
    invite: text(),
    member: text(),
  };
}

/** Make a session with something of everything; return what it is all called. */
export async function makeWorld(backend: Backend, owner: Person): Promise<Names> {
  const data = bytes(64);
  const names = {
    ...(await noNames(backend)),
    sha256: await sha256Of(data),
    storageId: await upload(backend, data),
  };
  const { session, claudeSessionId, projectKey, sha256, storageId } = names;
  await write(owner, api.users.ensure, {});
  await write(owner, api.sessions.create, {
    session: info({ clientId: session, claudeSessionId, title: "secret title" }),
  });
  const mediaType = "application/octet-stream";
  await write(owner, api.files.save, { session, sha256, storageId, size: 64, mediaType });
  await write(owner, api.messages.append, {
    session,
    messages: [
      message("secret", { clientId: names.message }),
      message("", { content: [], file: sha256 }),
    ],
    todos: [{ key: names.todo, content: "secret", status: "pending" }],
    approvals: [
      { clientId: names.approval, turnId: "turn", status: "pending", content: [], server: "a" },
    ],
    transcripts: ["", "agents/one"].map((subpath) => ({
      claudeSessionId,
      projectKey,
      subpath,
      chunks: [{ chunkId: names.chunk, count: 1, data }],
    })),
  });
  await write(owner, api.streams.push, {
    session,
    deltas: [
      {
        messageClientId: names.streaming,
        turnId: "turn",
        blockIndex: 0,
        type: "text",
        start: 0,
        end: 6,
        text: "secret",
      },
    ],
  });
  await invite(owner, session, { invite: names.invite });
  const { holder, clientKey } = names;
  await write(owner, api.sessions.acquireLease, { session, holder, label: "a", ttlMs: 60_000 });
  await write(owner, api.presence.heartbeat, {
    clientKey,
    label: "a",
    sessions: [{ session, watching: true }],
  });
  const other = () =>
    backend.withIdentity({ issuer: "https://other.test", subject: newId(), name: "secret" });
  const linked = await linkUp(owner, other());
  const redeemer = await redeemed(owner, other());
  return { ...names, linked, redeemer };
}

/** Invite others; return the code. */
export async function invite(
  owner: Person,
  session: string,
  {
    role = "viewer",
    ...more
  }: { role?: "viewer" | "editor"; invite?: string; uses?: number; ttlMs?: number } = {},
) {
  const code = `code-${newId()}`;
  const codeHash = await hashOf(code);
  const wish = { session, codeHash, role, invite: newId(), uses: 1, ttlMs: 60_000, ...more };
  await write(owner, api.sharing.invite, wish);
  return code;
}

/** Share a session with somebody new of this name; return them and their id. */
export async function share(
  backend: Backend,
  owner: Person,
  session: string,
  role: "viewer" | "editor",
  name: string = role,
) {
  const email = `${name}@test`;
  const identity = { issuer: "https://issuer.test", subject: newId(), name, email };
  const person = backend.withIdentity(identity);
  const code = await invite(owner, session, { role });
  const { userId } = await write(person, api.users.ensure, {});
  await write(person, api.sharing.redeem, { code });
  return { person, userId };
}

/** Return every row there is, by table. */
export async function everything(backend: Backend) {
  return await backend.run(async (ctx) => {
    const tables = [
      "users",
      "identities",
      "links",
      "accounts",
      "accountCodes",
      "signIns",
      "workspaces",
      "sessions",
      "members",
      "shared",
      "invites",
      "leases",
      "messages",
      "todos",
      "approvals",
      "transcriptHeads",
      "transcripts",
      "streams",
      "presence",
      "beats",
      "files",
    ] as const;
    const rows: Record<string, { _id: string; [field: string]: unknown }[]> = {};
    for (const table of tables) rows[table] = await ctx.db.query(table).collect();
    rows._storage = await ctx.db.system.query("_storage").collect();
    return rows;
  });
}
