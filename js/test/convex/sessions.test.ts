import { beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../../convex/_generated/api";
import { API_VERSION } from "../../convex/version";
import {
  ADA,
  type Backend,
  EVE,
  finishJobs,
  info,
  makeBackend,
  message,
  newId,
  type Person,
  refused,
  write,
} from "./backend";
import { everything, makeWorld } from "./world";

let backend: Backend;
let ada: Person;

beforeEach(() => {
  backend = makeBackend();
  ada = backend.withIdentity(ADA);
});

const create = (more: Parameters<typeof info>[0] = {}) =>
  write(ada, api.sessions.create, { session: info(more) });
const get = (session: string) => ada.query(api.sessions.get, { session });
const list = async (more: { query?: string; archived?: boolean } = {}) => {
  const paginationOpts = { numItems: 50, cursor: null };
  const { page } = await ada.query(api.sessions.list, { paginationOpts, ...more });
  return page.map(({ name }) => name);
};

describe("the list", () => {
  test("is newest first, in pages that together hold each session once", async () => {
    for (let n = 0; n < 120; n += 1) await create({ name: `s${n}`, lastActivityAt: (n * 7) % 120 });
    const seen: number[] = [];
    let cursor: string | null = null;
    for (let done = false; !done; ) {
      const paginationOpts: { numItems: number; cursor: string | null } = { numItems: 500, cursor };
      const found = await ada.query(api.sessions.list, { paginationOpts });
      expect(found.page.length).toBeLessThanOrEqual(50);
      seen.push(...found.page.map(({ lastActivityAt }) => lastActivityAt));
      done = found.isDone;
      cursor = found.continueCursor;
    }
    expect(seen).toEqual(Array.from({ length: 120 }, (_, n) => 119 - n));
  });

  test("leaves out archived sessions unless they are asked for, and deleted ones always", async () => {
    const [kept, shelved, gone] = [
      await create({ name: "kept", lastActivityAt: 3 }),
      await create({ name: "shelved", lastActivityAt: 2 }),
      await create({ name: "gone", lastActivityAt: 1 }),
    ];
    await write(ada, api.sessions.archive, { session: shelved.clientId, archived: true });
    await write(ada, api.sessions.remove, { session: gone.clientId });
    expect(await list()).toEqual(["kept"]);
    expect(await list({ archived: true })).toEqual(["kept", "shelved"]);
    await write(ada, api.sessions.archive, { session: shelved.clientId, archived: false });
    expect(await list()).toEqual(["kept", "shelved"]);
    expect(kept.name).toBe("kept");
  });

  test("finds by name, title and folder, and only one's own", async () => {
    await create({ name: "penguins" });
    await create({ name: "two", title: "Plot the penguins" });
    await create({ name: "three", cwd: "/data/penguins" });
    await create({ name: "whales" });
    const eve = backend.withIdentity(EVE);
    await write(eve, api.sessions.create, { session: info({ name: "penguins of Eve" }) });
    const shelved = await create({ name: "old penguins" });
    await write(ada, api.sessions.archive, { session: shelved.clientId, archived: true });
    expect((await list({ query: "penguins" })).sort()).toEqual(["penguins", "three", "two"]);
    expect(await list({ query: "penguins", archived: true })).toContain("old penguins");
  });
});

describe("what changed", () => {
  test("comes in the order of the changes, with no two at one time", async () => {
    vi.useFakeTimers();
    const made = [await create(), await create(), await create()];
    await write(ada, api.sessions.rename, { session: made[0]?.clientId ?? "", name: "renamed" });
    const { sessions } = await ada.query(api.sessions.changed, { after: 0 });
    expect(sessions.map(({ clientId }) => clientId)).toEqual(
      [made[1], made[2], made[0]].map((each) => each?.clientId),
    );
    expect(new Set(sessions.map(({ updatedAt }) => updatedAt)).size).toBe(3);
  });

  test("misses nothing when a clock goes back", async () => {
    vi.useFakeTimers({ now: 5_000_000 });
    const one = await create();
    vi.setSystemTime(1_000_000);
    const two = await create();
    const { sessions } = await ada.query(api.sessions.changed, { after: one.updatedAt });
    expect(sessions.map(({ clientId }) => clientId)).toEqual([two.clientId]);
  });

  test("comes in pages", async () => {
    for (let n = 0; n < 7; n += 1) await create();
    const first = await ada.query(api.sessions.changed, { after: 0, limit: 5 });
    expect(first.more).toBe(true);
    const after = first.sessions.at(-1)?.updatedAt ?? 0;
    const rest = await ada.query(api.sessions.changed, { after, limit: 5 });
    expect([first.sessions.length, rest.sessions.length, rest.more]).toEqual([5, 2, false]);
  });

  test("shows a deleted session as deleted, and nothing of what it was", async () => {
    const { clientId, updatedAt } = await create({ title: "secret", claudeSessionId: "c" });
    await write(ada, api.sessions.remove, { session: clientId });
    const { sessions } = await ada.query(api.sessions.changed, { after: updatedAt });
    expect(sessions).toMatchObject([{ clientId, name: "", cwd: "" }]);
    expect(sessions[0]?.deletedAt).toBeGreaterThan(0);
    expect(JSON.stringify(sessions)).not.toContain("secret");
  });
});

describe("a session", () => {
  test("is made once, whoever sends it again, and takes the columns of the last (S2)", async () => {
    const row = await create({ title: "old", model: "m" });
    const { role, owner, shared, nextSeq, messageCount, costUsd, updatedAt, ...same } = row;
    const again = await write(ada, api.sessions.create, { session: same });
    expect(again).toEqual(row);
    const { title, ...untitled } = same;
    const changed = await write(ada, api.sessions.create, { session: untitled });
    expect(changed.title).toBeUndefined();
    expect(changed.model).toBe("m");
    expect(await list()).toHaveLength(1);
  });

  test("is found by the CLI's own id", async () => {
    const row = await create({ claudeSessionId: "claude-1" });
    const find = (claudeSessionId: string) => ada.query(api.sessions.byClaude, { claudeSessionId });
    expect(await find("claude-1")).toEqual(row);
    expect(await find("claude-2")).toBeNull();
  });

  test("says what it is doing", async () => {
    const { clientId: session } = await create();
    const phase = { type: "error", errorMessage: "The key was refused." };
    await write(ada, api.sessions.setPhase, { session, phase, isClaudeBusy: false });
    expect(await get(session)).toMatchObject({ phase });
  });

  test("brings its workspace, once", async () => {
    await create({ workspace: "/home/ada/project", gitRemote: "git@host:project" });
    await create({ cwd: "/home/ada/project" });
    await create({ cwd: "C:\\work\\other" });
    const { data } = { data: await ada.query(api.workspaces.list, {}) };
    expect(data).toEqual([
      { name: "project", path: "/home/ada/project", gitRemote: "git@host:project" },
      { name: "other", path: "C:\\work\\other" },
    ]);
  });

  test("has an id that is neither a name nor a path, and times that are numbers", async () => {
    for (const clientId of ["/home/bo", "../../..", "plots", "x".repeat(65)])
      expect(await refused(create({ clientId }))).toMatchObject({ code: "Invalid" });
    for (const lastActivityAt of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(await refused(create({ lastActivityAt }))).toMatchObject({ code: "Invalid" });
    expect(await list()).toEqual([]);
  });

  test("has a name of a sensible length", async () => {
    expect(await refused(create({ name: "  " }))).toMatchObject({ code: "Invalid" });
    expect(await refused(create({ name: "x".repeat(5_000) }))).toMatchObject({ code: "TooLarge" });
  });
});

describe("deleting", () => {
  test("takes everything with it, in batches, and nothing else", async () => {
    vi.useFakeTimers();
    const other = await makeWorld(backend, ada);
    const before = await everything(backend);
    const names = await makeWorld(backend, ada);
    for (let n = 0; n < 3; n += 1)
      await write(ada, api.messages.append, {
        session: names.session,
        messages: Array.from({ length: 150 }, () => message()),
      });
    await write(ada, api.sessions.remove, { session: names.session });
    expect(await get(names.session)).toBeNull();
    await finishJobs(backend);
    const after = await everything(backend);
    for (const [table, rows] of Object.entries(before)) {
      if (["sessions", "presence", "beats", "users", "identities", "links"].includes(table))
        continue;
      expect(
        after[table]?.map(({ _id }) => _id),
        table,
      ).toEqual(rows.map(({ _id }) => _id));
    }
    expect(after.sessions).toHaveLength(2);
    expect(after.presence).toHaveLength(1);
    expect(await get(other.session)).not.toBeNull();
  });

  test("is for good: what is sent later does not bring it back", async () => {
    const made = info();
    const { clientId: session } = await write(ada, api.sessions.create, { session: made });
    await write(ada, api.sessions.remove, { session });
    const late = [
      write(ada, api.sessions.create, { session: made }),
      write(ada, api.messages.append, { session, info: made, messages: [message()] }),
      write(ada, api.messages.append, { session, messages: [message()] }),
      write(ada, api.sessions.remove, { session }),
    ];
    for (const call of late) expect(await refused(call)).toMatchObject({ code: "NotFound" });
  });
});

describe("the client's version", () => {
  test.each([undefined, 0, 99])("%s is refused before anything is written", async (api_) => {
    const args = {
      session: info({ clientId: newId() }),
      ...(api_ === undefined ? {} : { api: api_ }),
    };
    expect(await refused(ada.mutation(api.sessions.create, args))).toMatchObject({
      code: "VersionMismatch",
      api: API_VERSION,
    });
    expect((await everything(backend)).users).toEqual([]);
  });
});

describe("a user", () => {
  test("is made at the first sign-in, once, and keeps a current name", async () => {
    expect(await ada.query(api.users.me, {})).toEqual({ user: null, api: API_VERSION });
    const first = await write(ada, api.users.ensure, {});
    const renamed = backend.withIdentity({ ...ADA, name: "Ada L.", email: "ada@test" });
    const second = await write(renamed, api.users.ensure, {});
    expect(second).toMatchObject({ userId: first.userId, name: "Ada L.", email: "ada@test" });
    const { user } = await ada.query(api.users.me, {});
    expect(user).toMatchObject({ name: "Ada L.", tokenIdentifier: "https://issuer.test|ada" });
    expect((await everything(backend)).users).toHaveLength(1);
  });
});
