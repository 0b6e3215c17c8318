/** What holds for all functions: their builders, their types, and what they read and write. */
import { beforeEach, describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api";
import crons from "../../convex/crons";
import {
  ADA,
  type Backend,
  info,
  makeBackend,
  message,
  modules,
  type Person,
  sources,
  traced,
  write,
} from "./backend";
import { makeWorld } from "./world";

const RAW = /^(internal)?(query|mutation|action|httpAction)(Generic)?$/i;

test("only functions.ts has Convex's own builders (S5)", () => {
  const users: string[] = [];
  for (const [path, source] of Object.entries(sources)) {
    const imports = /import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+"([^"]+)"/g;
    for (const [, names = "", from = ""] of source.matchAll(imports)) {
      if (!/_generated\/server$|^convex\/server$/.test(from)) continue;
      const raw = names.split(",").map((name) => name.trim().split(" ")[0] ?? "");
      if (raw.some((name) => RAW.test(name))) users.push(path.replace("../../convex/", ""));
    }
    expect(source, path).not.toMatch(/import\s+\*.*"(convex\/server|.*_generated\/server)"/);
  }
  expect(users).toEqual(["functions.ts"]);
});

test("every function states its arguments and its result", async () => {
  let count = 0;
  for (const [path, load] of Object.entries(modules)) {
    if (path.includes("/_generated/")) continue;
    const exported = Object.entries((await load()) as Record<string, Exported>);
    for (const [name, value] of exported) {
      if (!value?.exportArgs || !value.exportReturns) continue;
      count += 1;
      expect(JSON.parse(value.exportArgs()).type, `${path} ${name}`).toBe("object");
      expect(JSON.parse(value.exportReturns())?.type ?? "any", `${path} ${name}`).not.toBe("any");
    }
  }
  expect(count).toBeGreaterThan(45);
});

interface Exported {
  exportArgs?: () => string;
  exportReturns?: () => string;
}

test("every sweep that needs no telling is run by a cron", async () => {
  const jobs = Object.values(crons.crons).map((job) => job.name);
  const sweeps = Object.entries(await import("../../convex/sweeps")).filter(([, sweep]) => {
    const { value } = JSON.parse((sweep as Exported).exportArgs?.() ?? "");
    return Object.values(value as Record<string, Argument>).every(({ optional }) => optional);
  });
  const found = sweeps.map(([name]) => `sweeps:${name}`);
  expect(jobs.sort()).toEqual([...found, "credentials:sweep"].sort());
  expect(jobs).toHaveLength(7);
});

interface Argument {
  optional: boolean;
}

describe("what is read and written", () => {
  let backend: Backend;
  let ada: Person;
  let session: string;
  let world: Awaited<ReturnType<typeof makeWorld>>;

  beforeEach(async () => {
    backend = makeBackend();
    ada = backend.withIdentity(ADA);
    world = await makeWorld(backend, ada);
    ({ session } = world);
  });

  const watcher = () => ({
    "messages:after": () => ada.query(api.messages.after, { session, after: 0 }),
    "todos:list": () => ada.query(api.todos.list, { session }),
    "approvals:open": () => ada.query(api.approvals.open, { session }),
    "presence:list": () => ada.query(api.presence.list, { session }),
    "streams:tail": () => ada.query(api.streams.tail, { session }),
    "sessions:lease": () => ada.query(api.sessions.lease, { session }),
    "sessions:changed": () => ada.query(api.sessions.changed, { after: 0 }),
  });

  test("a heartbeat of a lease wakes no query but the lease's", async () => {
    const { holder } = world;
    const beat = () => write(ada, api.sessions.renewLease, { session, holder, ttlMs: 9_000 });
    expect((await traced(beat)).written).toEqual(["leases"]);
    for (const [name, query] of Object.entries(watcher()))
      if (name !== "sessions:lease")
        expect((await traced(query)).read, name).not.toContain("leases");
  });

  test("a heartbeat of a server wakes nobody", async () => {
    const { clientKey } = world;
    const sessions = [{ session, watching: true }];
    const beat = () => write(ada, api.presence.heartbeat, { clientKey, label: "a", sessions });
    expect((await traced(beat)).written).toEqual(["beats"]);
    for (const [name, query] of Object.entries(watcher()))
      expect((await traced(query)).read, name).not.toContain("beats");
  });

  test("a piece of an answer wakes only who watches the answer", async () => {
    const deltas = [
      {
        messageClientId: "m",
        turnId: "t",
        blockIndex: 0,
        type: "text",
        start: 0,
        end: 1,
        text: "x",
      },
    ];
    const push = () => write(ada, api.streams.push, { session, deltas });
    expect((await traced(push)).written).toEqual(["streams"]);
    for (const [name, query] of Object.entries(watcher()))
      if (name !== "streams:tail")
        expect((await traced(query)).read, name).not.toContain("streams");
  });

  test("a message wakes the queries that show it, and not the to-dos or approvals", async () => {
    const send = () => write(ada, api.messages.append, { session, messages: [message()] });
    const { written } = await traced(send);
    expect(written).toEqual(["messages", "sessions"]);
    const woken: string[] = [];
    for (const [name, query] of Object.entries(watcher()))
      if ((await traced(query)).read.some((table) => written.includes(table))) woken.push(name);
    expect(woken).toEqual(["messages:after", "sessions:changed"]);
  });

  test("a message makes a watcher read at most 50 documents, however long the session is", async () => {
    const small = makeBackend({ documentsRead: 50 });
    const person = small.withIdentity(ADA);
    const made = info();
    const session = made.clientId;
    await write(person, api.sessions.create, { session: made });
    for (let n = 0; n < 300; n += 1) {
      const row = await write(person, api.messages.append, { session, messages: [message()] });
      const after = row.updatedAt - 1;
      const [tail, changes] = [
        await person.query(api.messages.after, { session, after: Math.max(0, n - 60) }),
        await person.query(api.sessions.changed, { after }),
      ];
      expect(tail.messages.length).toBeLessThanOrEqual(40);
      expect(changes.sessions).toHaveLength(1);
    }
    const seen = await person.query(api.messages.after, { session, after: 0 });
    expect(seen).toMatchObject({ more: true });
  });
});
