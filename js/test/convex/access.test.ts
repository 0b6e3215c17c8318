import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, type Value } from "convex/values";
import { beforeEach, describe, expect, test } from "vitest";
import expected from "../../../tests/convex/access.json";
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
import { everything, makeWorld, type Names, noNames, share } from "./world";

/** What each public function answers to whom, asked about the owner's things: "ok" or a code. */
const MAY: Record<string, Record<string, string>> = expected;

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
  "sharing:invite": (n) => ({
    session: n.session,
    invite: `${n.invite}-2`,
    role: "editor",
    codeHash: "0".repeat(64),
    uses: 1,
    ttlMs: 1_000,
  }),
  "sharing:invites": ({ session }) => ({ session }),
  "sharing:leave": ({ session }) => ({ session }),
  "sharing:members": ({ session }) => ({ session }),
  "sharing:redeem": () => ({ code: "a wrong code" }),
  "sharing:remove": ({ session, member }) => ({ session, member }),
  "sharing:revoke": ({ session, invite }) => ({ session, invite }),
  "sharing:setRole": ({ session, member }) => ({ session, member, role: "viewer" }),
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
/** Those that somebody must be signed in for; tests/convex/test_access.py has the others. */
const named = [...functions.keys()].filter((name) => !name.startsWith("accounts:")).sort();

let backend: Backend;
let ada: Person;
let eve: Person;
let members: Record<string, Person>;
let theirs: Names;
let nobodys: Names;

beforeEach(async () => {
  backend = makeBackend();
  ada = backend.withIdentity(ADA);
  eve = backend.withIdentity(EVE);
  theirs = await makeWorld(backend, ada);
  const viewer = await share(backend, ada, theirs.session, "viewer");
  const editor = await share(backend, ada, theirs.session, "editor");
  theirs.member = viewer.userId;
  members = { viewer: viewer.person, editor: editor.person, owner: ada };
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

/** Return the code of a refusal, "ok" if there was none. */
async function codeOf(who: Person, name: string): Promise<string> {
  try {
    await call(who, name, theirs);
    return "ok";
  } catch (error) {
    if (error instanceof ConvexError) return error.data.code;
    throw error;
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
  expect(named).toEqual(Object.keys(MAY).sort());
  expect(named.length).toBeGreaterThan(40);
});

describe.each(named)("%s", (name) => {
  test.each(["viewer", "editor", "owner"])(
    "answers or refuses the %s as their role says",
    async (role) => {
      expect(await codeOf(members[role] ?? eve, name)).toBe(MAY[name]?.[role]);
    },
  );

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
    if (MAY[name]?.stranger !== "ok") expect(told).toContain('"code":"NotFound"');
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
