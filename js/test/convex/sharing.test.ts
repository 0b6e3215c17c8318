/** Sharing: who comes in and how, what each sees, and how it ends. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import type { ApprovalInput } from "../../convex/model/values";
import {
  type Backend,
  begin,
  EVE,
  finishJobs,
  info,
  message,
  newId,
  type Person,
  refused,
  traced,
  write,
} from "./backend";
import { everything, invite, makeWorld, share } from "./world";

const NOW = 1_000_000;

let backend: Backend;
let ada: Person;
let eve: Person;
let session: string;

beforeEach(async () => {
  ({ backend, ada, session } = await begin({ now: NOW }));
  eve = backend.withIdentity(EVE);
});

/** Let time pass, so that what comes next is later. */
const later = (ms = 10) => vi.advanceTimersByTime(ms);
const redeem = (who: Person, code: string) => write(who, api.sharing.redeem, { code });
const get = (who: Person) => who.query(api.sessions.get, { session });
const tail = (who: Person) => who.query(api.messages.after, { session, after: 0 });
const send = (who: Person, text = "hello", more: object = {}) =>
  write(who, api.messages.append, { session, messages: [message(text, more)] });
const acquire = (who: Person, holder: string, takeOver = false) =>
  write(who, api.sessions.acquireLease, {
    session,
    holder,
    label: `server of ${holder}`,
    ttlMs: 60_000,
    takeOver,
  });
const setRole = (member: string, role: "viewer" | "editor") =>
  write(ada, api.sharing.setRole, { session, member, role });
const remove = (member: string) => write(ada, api.sharing.remove, { session, member });
const changed = async (who: Person, after = 0) =>
  (await who.query(api.sessions.changed, { after })).sessions;
const BAD = { refused: "BadInvite" };

describe("an invitation", () => {
  test("lets in whoever has its code, as what it says", async () => {
    const code = await invite(ada, session, { role: "editor" });
    expect(await get(eve)).toBeNull();
    const answer = await redeem(eve, code);
    expect(answer).toMatchObject({ role: "editor", session: { clientId: session, owner: "Ada" } });
    expect(await get(eve)).toMatchObject({ role: "editor", shared: true });
    expect(await get(ada)).toMatchObject({ role: "owner", owner: "", shared: true });
  });

  test("is known here by its code's hash alone", async () => {
    const code = await invite(ada, session);
    expect(JSON.stringify(await everything(backend))).not.toContain(code);
    expect(JSON.stringify(await ada.query(api.sharing.invites, { session }))).not.toContain("Hash");
  });

  test("is one, however often it is sent (S2), and never another", async () => {
    const wish = { session, invite: newId(), role: "viewer" as const, uses: 2, ttlMs: 60_000 };
    const once = { ...wish, codeHash: "a".repeat(64) };
    const first = await write(ada, api.sharing.invite, once);
    later();
    expect(await write(ada, api.sharing.invite, once)).toEqual(first);
    expect(await ada.query(api.sharing.invites, { session })).toMatchObject([
      { invite: wish.invite, role: "viewer", usesLeft: 2, expiresAt: NOW + 60_000 },
    ]);
    const others = [
      { ...once, codeHash: "b".repeat(64) },
      { ...once, invite: newId() },
      { ...once, invite: newId(), codeHash: "the code itself" },
      { ...once, invite: newId(), codeHash: "c".repeat(64), uses: 0 },
      { ...once, invite: newId(), codeHash: "c".repeat(64), uses: 101 },
      { ...once, invite: newId(), codeHash: "c".repeat(64), ttlMs: Number.NaN },
      { ...once, invite: newId(), codeHash: "c".repeat(64), ttlMs: 31 * 86_400_000 },
    ];
    for (const each of others)
      expect(await refused(write(ada, api.sharing.invite, each))).toMatchObject({
        code: "Invalid",
      });
  });

  test("of which there are too many is refused", async () => {
    for (let n = 0; n < 50; n += 1) await invite(ada, session);
    expect(await refused(invite(ada, session))).toMatchObject({ code: "TooLarge", limit: 50 });
  });

  test("that is wrong, expired, used up or taken back is answered in one way", async () => {
    const spent = await invite(ada, session);
    await share(backend, ada, session, "viewer");
    await redeem(backend.withIdentity({ ...EVE, subject: "first" }), spent);
    const expired = await invite(ada, session, { ttlMs: 1_000 });
    const id = newId();
    const revoked = await invite(ada, session, { invite: id });
    await write(ada, api.sharing.revoke, { session, invite: id });
    later(1_000);
    const answers = [];
    for (const code of ["wrong", "x".repeat(10_000), spent, expired, revoked])
      answers.push(await redeem(eve, code));
    expect(answers[0]).toMatchObject(BAD);
    for (const each of answers) expect(each).toEqual(answers[0]);
    expect(await get(eve)).toBeNull();
    const call = write(ada, api.sharing.revoke, { session, invite: id });
    expect(await refused(call)).toMatchObject({ code: "NotFound" });
  });

  test("has as many uses as it says, whoever races for the last (S14)", async () => {
    const code = await invite(ada, session, { uses: 3 });
    const people = Array.from({ length: 10 }, () =>
      backend.withIdentity({ ...EVE, subject: newId() }),
    );
    const answers = await Promise.all(people.map((each) => redeem(each, code)));
    expect(answers.filter((each) => "session" in each)).toHaveLength(3);
    const members = await ada.query(api.sharing.members, { session });
    expect(members.map(({ role }) => role)).toEqual(["owner", "viewer", "viewer", "viewer"]);
    expect(await ada.query(api.sharing.invites, { session })).toMatchObject([{ usesLeft: 0 }]);
  });

  test("takes no use of who has what it gives, raises a role and lowers none", async () => {
    const [view, edit] = [
      await invite(ada, session, { uses: 5 }),
      await invite(ada, session, { uses: 5, role: "editor" }),
    ];
    const roles = [];
    for (const code of [view, view, edit, edit, view]) roles.push(await redeem(eve, code));
    expect(roles.map((each) => "role" in each && each.role)).toEqual([
      "viewer",
      "viewer",
      "editor",
      "editor",
      "editor",
    ]);
    expect(await redeem(ada, edit)).toMatchObject({ role: "owner" });
    const left = await ada.query(api.sharing.invites, { session });
    expect(left.map(({ usesLeft }) => usesLeft)).toEqual([4, 4]);
  });

  test("is no way to guess: ten wrong codes, then one in six minutes", async () => {
    const code = await invite(ada, session, { uses: 2, ttlMs: 86_400_000 });
    for (let n = 0; n < 10; n += 1) expect(await redeem(eve, `wrong ${n}`)).toMatchObject(BAD);
    const limited = { refused: "RateLimited", retryAt: NOW + 360_000 };
    for (const each of ["wrong", code]) expect(await redeem(eve, each)).toMatchObject(limited);
    const another = backend.withIdentity({ ...EVE, subject: "another" });
    expect(await redeem(another, code)).toMatchObject({ role: "viewer" });
    later(360_001);
    expect(await redeem(eve, "wrong")).toMatchObject(BAD);
    expect(await redeem(eve, code)).toMatchObject({ refused: "RateLimited" });
    later(360_001);
    const counts = () => backend.run(async (ctx) => await ctx.db.query("rateLimits").collect());
    await backend.mutation(internal.sweeps.tries, {});
    expect(await counts()).toHaveLength(1);
    expect(await redeem(eve, code)).toMatchObject({ role: "viewer" });
    later(90_000_000);
    await backend.mutation(internal.sweeps.tries, {});
    expect(await counts()).toEqual([]);
  });

  test("goes with its session, and by the cron once it has expired", async () => {
    const code = await invite(ada, session);
    await invite(ada, session, { ttlMs: 3_600_000 });
    later(60_000);
    await backend.mutation(internal.sweeps.invites, {});
    expect((await everything(backend)).invites).toHaveLength(1);
    await write(ada, api.sessions.remove, { session });
    expect(await redeem(eve, code)).toMatchObject(BAD);
    await finishJobs(backend);
    expect((await everything(backend)).invites).toEqual([]);
  });

  test("leaves a session of one's own with the same id alone", async () => {
    await write(eve, api.sessions.create, { session: info({ clientId: session, name: "eve's" }) });
    const code = await invite(ada, session);
    expect(await refused(redeem(eve, code))).toMatchObject({ code: "Invalid" });
    expect(await get(eve)).toMatchObject({ name: "eve's", role: "owner" });
  });

  test("lets in fifty, and no more", async () => {
    const code = await invite(ada, session, { uses: 100 });
    const someone = () => backend.withIdentity({ ...EVE, subject: newId() });
    for (let n = 0; n < 50; n += 1)
      expect(await redeem(someone(), code)).toMatchObject({ role: "viewer" });
    expect(await refused(redeem(someone(), code))).toMatchObject({ code: "TooLarge", limit: 50 });
    expect((await send(ada)).seqs).toMatchObject([{ seq: 1 }]);
  });
});

describe("members", () => {
  test("know each other by name; the addresses only the owner knows", async () => {
    const { person, userId } = await share(backend, ada, session, "viewer", "Vic");
    const members = await ada.query(api.sharing.members, { session });
    expect(members).toMatchObject([
      { name: "Ada", role: "owner", me: true },
      { member: userId, name: "Vic", role: "viewer", me: false, email: "Vic@test" },
    ]);
    const seen = await person.query(api.sharing.members, { session });
    expect(seen.map(({ name, me }) => [name, me])).toEqual([
      ["Ada", false],
      ["Vic", true],
    ]);
    expect(JSON.stringify(seen)).not.toContain("@");
  });

  test("see who wrote what", async () => {
    const { person } = await share(backend, ada, session, "editor", "Edd");
    await send(ada);
    await send(person, "x", { authorId: "Ada" });
    const authors = async (who: Person) => (await tail(who)).messages.map(({ author }) => author);
    expect(await authors(ada)).toEqual([
      { name: "Ada", me: true },
      { name: "Edd", me: false },
    ]);
    expect(await authors(person)).toEqual([
      { name: "Ada", me: false },
      { name: "Edd", me: true },
    ]);
  });

  test("have its files, memory and all in the export", async () => {
    const world = await makeWorld(backend, ada);
    const { person } = await share(backend, ada, world.session, "viewer");
    const { claudeSessionId, sha256, projectKey } = world;
    const ask = { session: world.session };
    expect(await person.query(api.transcripts.heads, { claudeSessionId })).toEqual(
      await ada.query(api.transcripts.heads, { claudeSessionId }),
    );
    expect(await person.query(api.transcripts.subkeys, { claudeSessionId, projectKey })).toEqual([
      "agents/one",
    ]);
    const loaded = await person.query(api.transcripts.load, { ...ask, claudeSessionId });
    expect(loaded.chunks).toHaveLength(1);
    expect(await person.query(api.files.get, { ...ask, sha256 })).toMatchObject({ size: 64 });
    const [all, theirs] = [
      await exported(ada, world.session),
      await exported(person, world.session),
    ];
    expect(theirs.map(({ kind }) => kind)).toEqual(all.map(({ kind }) => kind));
    expect(theirs.find(({ kind }) => kind === "messages")?.rows).toHaveLength(2);
    expect(JSON.stringify(all)).toContain("viewer@test");
    expect(JSON.stringify(theirs)).not.toContain("viewer@test");
  });

  test("that edit change what is said, not where the owner has it", async () => {
    const { person } = await share(backend, ada, session, "editor");
    const place = { cwd: "/home/ada/project", notebook: "a.ipynb", gitRemote: "git@a" };
    await write(ada, api.sessions.patch, { session, patch: place });
    const elsewhere = {
      cwd: "/",
      notebook: null,
      gitRemote: "git@e",
      workspace: "/e",
      origin: "e",
    };
    const patch = { ...elsewhere, title: "Penguins", model: "m" };
    await write(person, api.sessions.patch, { session, patch });
    const whole = info({ clientId: session, cwd: "/e", name: "renamed", archivedAt: 5 });
    const { session: row } = await write(person, api.messages.append, {
      session,
      info: { ...whole, title: "Penguins" },
      patch: elsewhere,
      messages: [],
    });
    expect(row).toMatchObject({ ...place, name: "renamed", title: "Penguins", archivedAt: 5 });
    const seen = await get(ada);
    expect(seen).toMatchObject({ ...place, name: "renamed" });
    expect([seen?.archivedAt, seen?.origin, seen?.workspace]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const paths = (await ada.query(api.workspaces.list, {})).map(({ path }) => path);
    expect(paths).toEqual(["/home/ada/project"]);
  });
});

interface Part {
  kind: string;
  rows: unknown[];
}

async function exported(who: Person, session: string): Promise<Part[]> {
  const parts: Part[] = [];
  let cursor: string | null = "session:";
  while (cursor !== null) {
    const page: { part: Part; cursor: string | null } = await who.query(api.export.page, {
      session,
      cursor,
    });
    parts.push(page.part);
    cursor = page.cursor;
  }
  return parts;
}

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

describe("somebody who is out", () => {
  const queries = (who: Person) => [
    () => tail(who),
    () => who.query(api.messages.before, { session }),
    () => who.query(api.todos.list, { session }),
    () => who.query(api.approvals.open, { session }),
    () => who.query(api.streams.tail, { session }),
    () => who.query(api.presence.list, { session }),
    () => who.query(api.sessions.lease, { session }),
    () => who.query(api.sharing.members, { session }),
    () => who.query(api.export.page, { session }),
  ];

  test("has no query answered from then on; each had read the row that went", async () => {
    const { person, userId } = await share(backend, ada, session, "editor");
    for (const query of queries(person)) expect((await traced(query)).read).toContain("members");
    expect((await traced(() => remove(userId))).written).toContain("members");
    for (const query of queries(person))
      expect(await refused(query())).toMatchObject({ code: "NotFound" });
    for (const call of [send(person), acquire(person, "e")])
      expect(await refused(call)).toMatchObject({ code: "NotFound" });
    expect(await get(person)).toBeNull();
    expect(await get(ada)).toMatchObject({ shared: false });
  });

  test("makes no session of what they still have of it", async () => {
    const { person, userId } = await share(backend, ada, session, "editor");
    await remove(userId);
    const late = info({ clientId: session });
    const calls = [
      write(person, api.sessions.create, { session: late }),
      write(person, api.messages.append, { session, info: late, messages: [message()] }),
    ];
    for (const call of calls) expect(await refused(call)).toMatchObject({ code: "NotFound" });
  });

  test("by the owner's will comes back only by a newer invitation", async () => {
    const link = await invite(ada, session, { uses: 9, role: "editor", ttlMs: 86_400_000 });
    await redeem(eve, link);
    const { member = "" } =
      (await ada.query(api.sharing.members, { session })).find(({ role }) => role === "editor") ??
      {};
    later();
    await remove(member);
    expect(await redeem(eve, link)).toMatchObject(BAD);
    later();
    const newer = await invite(ada, session);
    expect(await redeem(eve, newer)).toMatchObject({ role: "viewer" });
    expect(await redeem(eve, link)).toMatchObject({ role: "viewer" });
    expect((await changed(eve))[0]?.deletedAt).toBeUndefined();
  });

  test("by their own will may come back, and the owner can't leave", async () => {
    const link = await invite(ada, session, { uses: 9 });
    await redeem(eve, link);
    await write(eve, api.sharing.leave, { session });
    expect(await get(eve)).toBeNull();
    expect(await redeem(eve, link)).toMatchObject({ role: "viewer" });
    const calls = [
      write(ada, api.sharing.leave, { session }),
      remove((await write(ada, api.users.ensure, {})).userId),
      setRole((await write(ada, api.users.ensure, {})).userId, "viewer"),
    ];
    for (const call of calls) expect(await refused(call)).toMatchObject({ code: "Invalid" });
    for (const call of [remove("nobody"), setRole(newId(), "viewer")])
      expect(await refused(call)).toMatchObject({ code: "NotFound" });
  });

  test.each(["removed", "lowered", "gone by themselves"])(
    "or %s in the middle of a turn ends it: others can go on",
    async (how) => {
      const { person, userId } = await share(backend, ada, session, "editor");
      await acquire(person, "e");
      const phase = { type: "running" };
      await write(person, api.sessions.setPhase, { session, phase, isClaudeBusy: true });
      await write(person, api.presence.heartbeat, {
        clientKey: "e",
        label: "e",
        sessions: [{ session, watching: true }],
      });
      for (let n = 0; n < 3; n += 1) await write(person, api.streams.push, pieces(n));
      await write(person, api.approvals.upsert, { session, approvals: [approval()] });
      const landing = send(person);
      if (how === "removed") await remove(userId);
      else if (how === "lowered") await setRole(userId, "viewer");
      else await write(person, api.sharing.leave, { session });
      await landing;
      await finishJobs(backend);
      expect(await get(ada)).toMatchObject({ isClaudeBusy: false, phase: { type: "idle" } });
      expect(await ada.query(api.streams.tail, { session })).toMatchObject({ deltas: [] });
      const asked = await ada.query(api.approvals.open, { session });
      expect(asked).toMatchObject([{ status: "cancelled" }]);
      expect(await ada.query(api.presence.list, { session })).toHaveLength(
        how === "lowered" ? 1 : 0,
      );
      const renewal = write(person, api.sessions.renewLease, {
        session,
        holder: "e",
        ttlMs: 9_000,
      });
      const code = how === "lowered" ? "Forbidden" : "NotFound";
      expect(await refused(renewal)).toMatchObject({ code });
      expect(await acquire(ada, "a")).toMatchObject({ granted: true });
    },
  );

  const pieces = (batch: number) => ({
    session,
    deltas: Array.from({ length: 50 }, (_, n) => ({
      messageClientId: "m",
      turnId: "turn",
      blockIndex: 0,
      type: "text",
      start: 50 * batch + n,
      end: 50 * batch + n + 1,
      text: "x",
    })),
  });
});

const approval = (more: Partial<ApprovalInput> = {}): ApprovalInput => ({
  clientId: newId(),
  turnId: "turn",
  status: "pending",
  content: [{ type: "approval", json: "{}" }],
  ...more,
});

describe("a role that was lowered", () => {
  test("is told, and not raised again by an older invitation", async () => {
    const link = await invite(ada, session, { uses: 9, role: "editor" });
    const { person, userId } = await share(backend, ada, session, "editor");
    const after = (await changed(person))[0]?.updatedAt ?? 0;
    later();
    await setRole(userId, "viewer");
    expect(await changed(person, after)).toMatchObject([{ role: "viewer" }]);
    expect(await redeem(person, link)).toMatchObject({ role: "viewer" });
    expect(await refused(send(person))).toMatchObject({ code: "Forbidden", role: "viewer" });
    await setRole(userId, "editor");
    expect(await send(person)).toMatchObject({ seqs: [{ seq: 1 }] });
  });
});

describe("a lease", () => {
  test("is an editor's like the owner's, and no viewer's", async () => {
    const [viewer, editor] = [
      await share(backend, ada, session, "viewer"),
      await share(backend, ada, session, "editor", "Edd"),
    ];
    expect(await refused(acquire(viewer.person, "v"))).toMatchObject({
      code: "Forbidden",
      need: "write",
      role: "viewer",
    });
    expect(await acquire(editor.person, "e")).toMatchObject({ granted: true });
    expect(await acquire(ada, "a")).toMatchObject({
      granted: false,
      lease: { name: "Edd", mine: false },
    });
  });

  test("can be taken over by the owner from a member, and in no other way", async () => {
    const [one, two] = [
      (await share(backend, ada, session, "editor")).person,
      (await share(backend, ada, session, "editor")).person,
    ];
    await acquire(one, "e");
    expect((await acquire(two, "f", true)).granted).toBe(false);
    const asked = approval();
    await write(one, api.approvals.upsert, { session, approvals: [asked] });
    expect(await acquire(ada, "a", true)).toMatchObject({ granted: true, lease: { holder: "a" } });
    expect(
      await write(one, api.sessions.renewLease, { session, holder: "e", ttlMs: 9_000 }),
    ).toMatchObject({ granted: false, lease: { holder: "a", name: "Ada", mine: false } });
    expect(await ada.query(api.approvals.open, { session })).toMatchObject([
      { clientId: asked.clientId, status: "cancelled" },
    ]);
    expect((await acquire(ada, "another of Ada's", true)).granted).toBe(false);
    expect((await acquire(one, "e", true)).granted).toBe(false);
  });

  test("is not had by who says the holder's name", async () => {
    const { person } = await share(backend, ada, session, "editor");
    await acquire(ada, "a");
    expect(await acquire(person, "a")).toMatchObject({ granted: false });
    const renewal = { session, holder: "a", ttlMs: 9_000 };
    expect(await write(person, api.sessions.renewLease, renewal)).toMatchObject({ granted: false });
    await write(person, api.sessions.releaseLease, { session, holder: "a" });
    expect(await ada.query(api.sessions.lease, { session })).toMatchObject({ holder: "a" });
  });
});

describe("what Claude may do on a machine (S12)", () => {
  const open = async (who: Person) => await who.query(api.approvals.open, { session });
  const decide = (who: Person, approval: string) =>
    write(who, api.approvals.decide, { session, approval, status: "allowed", content: [] });

  test.each(["Ada", "Edd"])("is decided by the person whose machine asks: %s", async (whose) => {
    const { person } = await share(backend, ada, session, "editor", "Edd");
    const [asks, other] = whose === "Ada" ? [ada, person] : [person, ada];
    const asked = approval();
    await write(asks, api.approvals.upsert, { session, approvals: [asked] });
    const yes = { ...asked, status: "allowed" };
    const calls = [
      decide(other, asked.clientId),
      write(other, api.approvals.upsert, { session, approvals: [yes] }),
      write(other, api.approvals.upsert, { session, approvals: [{ ...yes, editorsMay: true }] }),
      write(other, api.messages.append, { session, messages: [message()], approvals: [yes] }),
    ];
    for (const call of calls) expect(await refused(call)).toMatchObject({ code: "Forbidden" });
    // What is pending stays as it was asked, and whose it was.
    const mine = { ...asked, editorsMay: true, content: [] };
    await write(other, api.approvals.upsert, { session, approvals: [mine] });
    expect(await open(other)).toMatchObject([
      { raisedBy: { name: whose, me: false }, editorsMay: false, mayDecide: false },
    ]);
    expect((await open(other))[0]?.content).toEqual(asked.content);
    expect(await open(asks)).toMatchObject([{ raisedBy: { me: true }, mayDecide: true }]);
    expect(await decide(asks, asked.clientId)).toMatchObject({
      status: "allowed",
      decidedBy: { name: whose, me: true },
    });
    expect((await tail(ada)).messages).toEqual([]);
  });

  test("is decided by editors too where that person lets them, and by no viewer", async () => {
    const [viewer, editor] = [
      await share(backend, ada, session, "viewer"),
      await share(backend, ada, session, "editor", "Edd"),
    ];
    const asked = approval({ editorsMay: true });
    await write(ada, api.approvals.upsert, { session, approvals: [asked] });
    expect(await open(viewer.person)).toMatchObject([{ editorsMay: true, mayDecide: false }]);
    expect(await open(editor.person)).toMatchObject([{ mayDecide: true }]);
    expect(await refused(decide(viewer.person, asked.clientId))).toMatchObject({
      code: "Forbidden",
    });
    await decide(editor.person, asked.clientId);
    expect(await open(ada)).toMatchObject([
      {
        status: "allowed",
        editorsMay: true,
        raisedBy: { name: "Ada", me: true },
        decidedBy: { name: "Edd", me: false },
      },
    ]);
    // The first one stands, also for the person whose machine it is.
    const denied = { ...asked, status: "denied" };
    await write(ada, api.approvals.upsert, { session, approvals: [denied] });
    expect(await open(ada)).toMatchObject([{ status: "allowed" }]);
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
