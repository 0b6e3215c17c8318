/** The list of each who is in a session, and what a message makes run again. */
import { describe, expect, test, vi } from "vitest";
import { api } from "../../convex/_generated/api";
import { begin, finishJobs, info, message, type Person, traced, write } from "./backend";
import { acquire, ada, backend, changed, NOW, redeem, remove, send, session, tail } from "./shared";
import { everything, invite, share } from "./world";

describe("a member's list", () => {
  const list = async (who: Person, more: { query?: string; archived?: boolean } = {}) => {
    const paginationOpts = { numItems: 50, cursor: null };
    const { page } = await who.query(api.sessions.list, { paginationOpts, ...more });
    return page.map(({ name, role }) => `${name} as ${role}`);
  };

  test("has what is shared among one's own, by what was active last, in whole pages", async () => {
    const { person } = await share(backend, ada, session, "viewer");
    const own = (n: number) => info({ name: `own ${n}`, lastActivityAt: 1_000 * n });
    for (let n = 0; n < 7; n += 1) await write(person, api.sessions.create, { session: own(n) });
    await send(ada, "x", { timestamp: 3_500 });
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let done = false; !done; ) {
      const paginationOpts: { numItems: number; cursor: string | null } = { numItems: 3, cursor };
      const found = await person.query(api.sessions.list, { paginationOpts });
      expect(found.page.length).toBeLessThanOrEqual(3);
      seen.push(...found.page.map(({ name }) => name));
      done = found.isDone;
      cursor = found.continueCursor;
    }
    const expected = [6, 5, 4, 3, 2, 1, 0].map((n) => `own ${n}`);
    expect(seen).toEqual([...expected.slice(0, 3), "analysis", ...expected.slice(3)]);
  });

  test("is searched with one's own", async () => {
    const { person } = await share(backend, ada, session, "editor");
    await write(ada, api.sessions.rename, { session, name: "penguins" });
    await write(person, api.sessions.create, { session: info({ name: "penguins too" }) });
    expect((await list(person, { query: "penguins" })).sort()).toEqual([
      "penguins as editor",
      "penguins too as owner",
    ]);
    await write(person, api.sharing.leave, { session });
    expect(await list(person, { query: "penguins" })).toEqual(["penguins too as owner"]);
    expect(await list(ada, { query: "penguins" })).toEqual(["penguins as owner"]);
  });

  test("is one's own to tidy: archiving concerns nobody else", async () => {
    const { person } = await share(backend, ada, session, "viewer");
    const archive = (who: Person, archived: boolean) =>
      write(who, api.sessions.archive, { session, archived });
    expect((await archive(person, true)).archivedAt).toBe(NOW);
    expect([await list(person), await list(ada)]).toEqual([[], ["analysis as owner"]]);
    expect(await list(person, { archived: true })).toEqual(["analysis as viewer"]);
    const before = await changed(person);
    await archive(ada, true);
    expect(await changed(person)).toEqual(before);
    await archive(person, false);
    expect([await list(person), await list(ada)]).toEqual([["analysis as viewer"], []]);
  });

  test("tells each change once, in one order with one's own, whoever's clock says what", async () => {
    const { person } = await share(backend, ada, session, "editor");
    const after = (await changed(person)).at(-1)?.updatedAt ?? 0;
    vi.setSystemTime(NOW - 500_000);
    const own = await write(person, api.sessions.create, { session: info() });
    await send(ada);
    await write(person, api.sessions.rename, { session: own.clientId, name: "mine" });
    const rows = await changed(person, after);
    expect(rows.map(({ clientId }) => clientId)).toEqual([session, own.clientId]);
    const times = rows.map(({ updatedAt }) => updatedAt);
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(after);
    expect(await changed(person, times[1])).toEqual([]);
  });

  test("holds what is left of a session that was deleted, or that one is out of", async () => {
    const [one, two] = [
      await share(backend, ada, session, "viewer"),
      await share(backend, ada, session, "editor"),
    ];
    await write(ada, api.sessions.patch, { session, patch: { title: "secret" } });
    await remove(one.userId);
    const [left] = await changed(one.person);
    expect(left).toMatchObject({ clientId: session, name: "", cwd: "", role: "viewer" });
    expect(left?.deletedAt).toBe(NOW);
    await write(ada, api.sessions.remove, { session });
    await finishJobs(backend);
    const [gone] = await changed(two.person);
    expect(gone).toMatchObject({ clientId: session, name: "", role: "viewer" });
    expect(gone?.deletedAt).toBeGreaterThan(0);
    expect(JSON.stringify([left, gone])).not.toContain("secret");
    for (const { person } of [one, two]) expect(await list(person, { archived: true })).toEqual([]);
    expect((await everything(backend)).members).toEqual([]);
  });

  test("shows who writes in what is shared", async () => {
    const { person } = await share(backend, ada, session, "viewer");
    await acquire(ada, "a");
    expect(await person.query(api.sessions.leases, {})).toMatchObject([
      { session, holder: "a", name: "Ada", mine: false },
    ]);
    expect(await ada.query(api.sessions.leases, {})).toMatchObject([{ mine: true }]);
  });
});

describe("what a message makes run again", () => {
  const asked = (who: Person) => ({
    "messages:after": () => tail(who),
    "sessions:changed": () => who.query(api.sessions.changed, { after: 0 }),
    "sessions:leases": () => who.query(api.sessions.leases, {}),
    "sharing:members": () => who.query(api.sharing.members, { session }),
    "todos:list": () => who.query(api.todos.list, { session }),
    "approvals:open": () => who.query(api.approvals.open, { session }),
    "presence:list": () => who.query(api.presence.list, { session }),
    "sessions:lease": () => who.query(api.sessions.lease, { session }),
  });

  test("is what shows it, for each member", async () => {
    const { person } = await share(backend, ada, session, "viewer");
    const { written } = await traced(() => send(ada));
    expect(written).toEqual(["messages", "sessions", "shared"]);
    for (const who of [ada, person]) {
      const woken: string[] = [];
      for (const [name, query] of Object.entries(asked(who)))
        if ((await traced(query)).read.some((table) => written.includes(table))) woken.push(name);
      expect(woken).toEqual(["messages:after", "sessions:changed"]);
    }
  });

  test("writes into nobody's list but the owner's where a session is not shared", async () => {
    const { person } = await share(backend, ada, session, "viewer");
    await write(person, api.sharing.leave, { session });
    expect((await traced(() => send(ada))).written).toEqual(["messages", "sessions"]);
  });

  test("reads at most 50 documents for a member, however much is shared", async () => {
    const small = await begin({ now: NOW, documentsRead: 50 });
    const { person } = await share(small.backend, small.ada, small.session, "viewer");
    for (let n = 0; n < 30; n += 1) {
      const other = info();
      await write(small.ada, api.sessions.create, { session: other });
      const code = await invite(small.ada, other.clientId);
      await redeem(person, code);
    }
    const messages = Array.from({ length: 45 }, () => message());
    await write(small.ada, api.messages.append, { session: small.session, messages });
    const { session } = small;
    const row = await person.query(api.sessions.get, { session });
    const after = (row?.updatedAt ?? 0) - 1;
    expect((await person.query(api.sessions.changed, { after })).sessions).toEqual([row]);
    const page = await person.query(api.messages.after, { session, after: 0 });
    expect(page.messages).toHaveLength(40);
  });
});
