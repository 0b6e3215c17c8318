import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, type Value } from "convex/values";
import { beforeEach, describe, expect, test } from "vitest";
import { API_VERSION } from "../../convex/version";
import {
  ADA,
  type Backend,
  EVE,
  info,
  makeBackend,
  modules,
  type Person,
  refused,
} from "./backend";
import { everything, makeWorld, type Names, noNames } from "./world";

const body = { content: [] };
const wish = (n: Names) => ({ session: n.session, holder: n.holder, ttlMs: 60_000 });

/** How each public function is called when it is asked about these things. */
const CASES: Record<string, (names: Names) => Record<string, unknown>> = {
  "approvals:decide": (n) => ({
    session: n.session,
    approval: n.approval,
    status: "allowed",
    ...body,
  }),
  "approvals:open": ({ session }) => ({ session }),
  "approvals:upsert": (n) => ({
    session: n.session,
    approvals: [{ clientId: n.approval, turnId: "turn", status: "denied", ...body }],
  }),
  "export:page": ({ session }) => ({ session }),
  "files:get": ({ session, sha256 }) => ({ session, sha256 }),
  "files:save": ({ session, sha256, storageId }) => ({
    session,
    sha256,
    storageId,
    size: 64,
    mediaType: "text/plain",
  }),
  "files:uploadUrl": () => ({}),
  "linking:cancel": () => ({}),
  "linking:confirm": ({ redeemer }) => ({ identity: redeemer }),
  "linking:mine": () => ({}),
  "linking:redeem": () => ({ code: "guess" }),
  "linking:start": () => ({ codeHash: "0".repeat(64) }),
  "linking:unlink": ({ linked }) => ({ identity: linked }),
  "messages:after": ({ session }) => ({ session, after: 0 }),
  "messages:append": ({ session }) => ({ session, messages: [] }),
  "messages:before": ({ session }) => ({ session }),
  "messages:fetch": ({ session, message }) => ({ session, clientIds: [message] }),
  "presence:heartbeat": ({ session, clientKey }) => ({
    clientKey,
    label: "b",
    sessions: [{ session, watching: true }],
  }),
  "presence:leave": ({ clientKey }) => ({ clientKey }),
  "presence:list": ({ session }) => ({ session }),
  "sessions:acquireLease": (n) => ({ ...wish(n), label: "b" }),
  "sessions:archive": ({ session }) => ({ session, archived: true }),
  "sessions:byClaude": ({ claudeSessionId }) => ({ claudeSessionId }),
  "sessions:changed": () => ({ after: 0 }),
  "sessions:create": ({ session }) => ({ session: info({ clientId: session }) }),
  "sessions:get": ({ session }) => ({ session }),
  "sessions:lease": ({ session }) => ({ session }),
  "sessions:leases": () => ({}),
  "sessions:list": () => ({
    paginationOpts: { numItems: 10, cursor: null },
    query: "secret",
    archived: true,
  }),
  "sessions:patch": ({ session }) => ({ session, patch: { title: "mine" } }),
  "sessions:releaseLease": ({ session, holder }) => ({ session, holder }),
  "sessions:remove": ({ session }) => ({ session }),
  "sessions:rename": ({ session }) => ({ session, name: "mine" }),
  "sessions:renewLease": wish,
  "sessions:setPhase": ({ session }) => ({
    session,
    phase: { type: "running" },
    isClaudeBusy: true,
  }),
  "streams:clear": ({ session, streaming }) => ({ session, messageClientIds: [streaming] }),
  "streams:push": ({ session }) => ({ session, deltas: [] }),
  "streams:tail": ({ session }) => ({ session }),
  "todos:list": ({ session }) => ({ session }),
  "todos:patch": ({ session, todo }) => ({ session, key: todo, patch: { status: "completed" } }),
  "todos:replace": ({ session }) => ({ session, todos: [] }),
  "transcripts:append": (n) => ({
    session: n.session,
    claudeSessionId: n.claudeSessionId,
    projectKey: n.projectKey,
    subpath: "",
    chunks: [],
  }),
  "transcripts:heads": ({ claudeSessionId }) => ({ claudeSessionId }),
  "transcripts:list": ({ projectKey }) => ({ projectKey }),
  "transcripts:load": ({ session, claudeSessionId }) => ({ session, claudeSessionId }),
  "transcripts:remove": ({ session, claudeSessionId }) => ({ session, claudeSessionId }),
  "transcripts:subkeys": ({ claudeSessionId }) => ({ claudeSessionId }),
  "users:ensure": () => ({}),
  "users:me": () => ({}),
  "workspaces:list": () => ({}),
  "workspaces:upsert": () => ({ name: "project", path: "/home/ada/project" }),
};

/** What says nothing about anybody else: a stranger gets an answer about themselves. */
const ABOUT_ONESELF = new Set([
  "files:uploadUrl",
  "linking:cancel",
  "linking:mine",
  "linking:redeem",
  "linking:start",
  "presence:heartbeat",
  "presence:leave",
  "sessions:byClaude",
  "sessions:changed",
  "sessions:create",
  "sessions:get",
  "sessions:leases",
  "sessions:list",
  "transcripts:heads",
  "transcripts:list",
  "transcripts:subkeys",
  "users:ensure",
  "users:me",
  "workspaces:list",
  "workspaces:upsert",
]);

interface Registered {
  isQuery?: true;
  isMutation?: true;
  isAction?: true;
  isPublic?: true;
}

/** Find every public function by importing all modules. */
async function publicFunctions(): Promise<Map<string, "query" | "mutation" | "action">> {
  const found = new Map<string, "query" | "mutation" | "action">();
  for (const [path, load] of Object.entries(modules)) {
    const name = path.replace("../../convex/", "").replace(/\.\w+$/, "");
    if (name.startsWith("_generated/")) continue;
    for (const [key, value] of Object.entries((await load()) as Record<string, Registered>)) {
      if (!value?.isPublic) continue;
      const kind = value.isQuery ? "query" : value.isMutation ? "mutation" : "action";
      found.set(`${name}:${key}`, kind);
    }
  }
  return found;
}

const functions = await publicFunctions();
const named = [...functions.keys()].sort();

let backend: Backend;
let ada: Person;
let eve: Person;
let theirs: Names;
let nobodys: Names;

beforeEach(async () => {
  backend = makeBackend();
  ada = backend.withIdentity(ADA);
  eve = backend.withIdentity(EVE);
  theirs = await makeWorld(backend, ada);
  nobodys = await noNames(backend);
});

async function call(who: Backend | Person, name: string, names: Names): Promise<unknown> {
  const args = CASES[name]?.(names) ?? {};
  switch (functions.get(name)) {
    case "query":
      return await who.query(makeFunctionReference<"query">(name), args);
    case "mutation":
      return await who.mutation(makeFunctionReference<"mutation">(name), {
        ...args,
        api: API_VERSION,
      });
    default:
      return await who.action(makeFunctionReference<"action">(name), args);
  }
}

/** Return what a call came to, without what differs between any two calls. */
async function outcome(who: Backend | Person, name: string, names: Names): Promise<string> {
  let result: unknown;
  try {
    result = { value: convexToJson((await call(who, name, names)) as Value) };
  } catch (error) {
    if (!(error instanceof ConvexError)) throw error;
    result = { refusal: error.data };
  }
  let text = JSON.stringify(result).replace(/token=[\d.e-]+/g, "token=RANDOM");
  text = text.replace(/\d{13}(\.\d+)?/g, "TIME");
  for (const [key, id] of Object.entries(names)) text = text.replaceAll(String(id), key);
  return text;
}

test("every public function has a case here (S5)", () => {
  expect(named).toEqual(Object.keys(CASES).sort());
  expect(named.length).toBeGreaterThan(40);
});

describe.each(named)("%s", (name) => {
  test("answers its owner, so that the other cases fail for the right reason", async () => {
    await expect(call(ada, name, theirs)).resolves.not.toThrow();
  });

  test("refuses whoever is not signed in (S5)", async () => {
    const before = await everything(backend);
    for (const names of [theirs, nobodys])
      expect((await refused(call(backend, name, names))).code).toBe("Unauthenticated");
    expect(await everything(backend)).toEqual(before);
  });

  test("tells a stranger nothing, not even that something exists (S5)", async () => {
    await eve.mutation(makeFunctionReference<"mutation">("users:ensure"), { api: API_VERSION });
    const before = await everything(backend);
    const told = await outcome(eve, name, theirs);
    const after = await everything(backend);
    expect(told).not.toContain("secret");
    expect(told).toBe(await outcome(eve, name, nobodys));
    if (!ABOUT_ONESELF.has(name)) expect(told).toContain('"code":"NotFound"');
    for (const [table, rows] of Object.entries(before))
      expect(after[table], table).toEqual(expect.arrayContaining(rows));
  });
});

test("a stranger cannot take another's upload into a session of their own (S5)", async () => {
  const own = info();
  const eves = { ...theirs, session: own.clientId };
  await eve.mutation(makeFunctionReference<"mutation">("sessions:create"), {
    session: own,
    api: API_VERSION,
  });
  expect(await refused(call(eve, "files:save", eves))).toMatchObject({ code: "NotFound" });
  expect(await call(ada, "files:get", theirs)).toMatchObject({ size: 64 });
});

test("a stranger who makes a session of another's id gets one of their own (S5)", async () => {
  const before = await everything(backend);
  await call(eve, "sessions:create", theirs);
  expect(await call(eve, "messages:before", theirs)).toEqual({ messages: [], more: false });
  const after = await everything(backend);
  for (const [table, rows] of Object.entries(before))
    expect(after[table], table).toEqual(expect.arrayContaining(rows));
});

test("a viewer may read and not write, an editor write and not delete", async () => {
  await call(eve, "users:ensure", theirs);
  const share = async (role: "viewer" | "editor") =>
    await backend.run(async (ctx) => {
      const user = (await ctx.db.query("users").collect()).find((each) => each.name === "Eve");
      const member = await ctx.db.query("members").first();
      if (!user || !member) throw new Error("Nobody is there.");
      const { _id, _creationTime, ...row } = member;
      await ctx.db.insert("members", { ...row, userId: user._id, role });
    });
  await share("viewer");
  expect(await call(eve, "messages:before", theirs)).toMatchObject({ more: false });
  expect(await refused(call(eve, "messages:append", theirs))).toMatchObject({ code: "NotFound" });
  expect(await refused(call(eve, "sessions:create", theirs))).toMatchObject({ code: "NotFound" });
  await backend.run(async (ctx) => {
    for (const row of await ctx.db.query("members").collect())
      if (row.role === "viewer") await ctx.db.patch("members", row._id, { role: "editor" });
  });
  await call(eve, "messages:append", theirs);
  expect(await refused(call(eve, "sessions:remove", theirs))).toMatchObject({ code: "NotFound" });
});
