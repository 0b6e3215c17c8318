import { beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../../convex/_generated/api";
import {
  ADA,
  type Backend,
  EVE,
  finishJobs,
  hashOf,
  info,
  makeBackend,
  message,
  newId,
  type Person,
  refused,
  write,
} from "./backend";
import { linkUp, redeemed, start } from "./linked";
import { everything, invite, makeWorld } from "./world";

const HERE = { issuer: "https://a.test", subject: "ada", name: "Ada" };
const THERE = { issuer: "https://b.test", subject: "ada.b", name: "A. Lovelace" };
const at = (identity: typeof HERE) => `${identity.issuer}|${identity.subject}`;

let backend: Backend;
let here: Person;
let there: Person;
let eve: Person;

beforeEach(() => {
  vi.useFakeTimers();
  backend = makeBackend();
  here = backend.withIdentity(HERE);
  there = backend.withIdentity(THERE);
  eve = backend.withIdentity(EVE);
});

const moved = async () => await finishJobs(backend);
const me = async (who: Person) => (await write(who, api.users.ensure, {})).userId;
const identities = async (who: Person) =>
  (await who.query(api.linking.mine, {})).identities.map((each) => each.tokenIdentifier);
const names = async (who: Person) =>
  (await who.query(api.sessions.changed, { after: 0 })).sessions.map((row) => row.name);

/** Make a session with a message in it; return its id. */
async function session(who: Person, name: string, more: Parameters<typeof info>[0] = {}) {
  const made = info({ name, ...more });
  await write(who, api.sessions.create, { session: made });
  await write(who, api.messages.append, { session: made.clientId, messages: [message(name)] });
  return made.clientId;
}

async function texts(who: Person, id: string) {
  const { messages } = await who.query(api.messages.before, { session: id });
  return messages.map((row) => JSON.parse(row.content[0]?.json ?? "{}").text);
}

describe("a code", () => {
  test("joins two identities once each side has agreed to the other", async () => {
    const code = await start(here);
    const seen = await write(there, api.linking.redeem, { code });
    expect(seen).toMatchObject({ maker: { tokenIdentifier: at(HERE), name: "Ada" } });
    expect((await here.query(api.linking.mine, {})).link?.other).toBeUndefined();
    await write(there, api.linking.redeem, { code, agreed: at(HERE) });
    expect(await me(here)).not.toBe(await me(there));
    expect((await here.query(api.linking.mine, {})).link?.other).toEqual({
      tokenIdentifier: at(THERE),
      name: "A. Lovelace",
    });
    await write(here, api.linking.confirm, { identity: at(THERE) });
    expect(await me(here)).toBe(await me(there));
    expect(await identities(there)).toEqual([at(HERE), at(THERE)]);
    expect((await there.query(api.linking.mine, {})).identities[1]).toMatchObject({ here: true });
  });

  test("is stored as a hash only", async () => {
    const code = await start(here);
    const rows = JSON.stringify(await everything(backend));
    expect(rows).toContain(await hashOf(code));
    expect(rows).not.toContain(code);
  });

  test("is used up by the first who redeems it, and an earlier one by the next", async () => {
    const [first, second] = [await start(here), await start(here)];
    const bad = { refused: "BadCode" };
    expect(await write(there, api.linking.redeem, { code: first })).toEqual(bad);
    await write(there, api.linking.redeem, { code: second, agreed: at(HERE) });
    expect(await write(eve, api.linking.redeem, { code: second, agreed: at(HERE) })).toEqual(bad);
  });

  test("ends after ten minutes, redeemed or not", async () => {
    const code = await start(here);
    vi.advanceTimersByTime(9 * 60_000);
    expect(await write(there, api.linking.redeem, { code })).toHaveProperty("maker");
    vi.advanceTimersByTime(60_001);
    expect(await write(there, api.linking.redeem, { code })).toEqual({ refused: "BadCode" });
    const identity = await redeemed(here, there);
    vi.advanceTimersByTime(10 * 60_001);
    const late = write(here, api.linking.confirm, { identity });
    expect(await refused(late)).toMatchObject({ code: "NotFound" });
  });

  test("can be called back", async () => {
    const identity = await redeemed(here, there);
    await write(here, api.linking.cancel, {});
    const late = write(here, api.linking.confirm, { identity });
    expect(await refused(late)).toMatchObject({ code: "NotFound" });
    expect(await me(here)).not.toBe(await me(there));
  });

  test("is not for its maker, nor for somebody who saw another maker", async () => {
    const code = await start(here);
    expect(await write(here, api.linking.redeem, { code })).toEqual({ refused: "OwnCode" });
    const mistaken = write(there, api.linking.redeem, { code, agreed: at(EVE) });
    expect(await refused(mistaken)).toMatchObject({ code: "Invalid" });
    expect((await here.query(api.linking.mine, {})).link?.other).toBeUndefined();
  });

  test("cannot be guessed: five wrong tries an hour, and then not even a right one", async () => {
    for (let n = 0; n < 5; n++)
      expect(await write(there, api.linking.redeem, { code: `${n}` })).toEqual({
        refused: "BadCode",
      });
    const code = await start(here);
    const now = Date.now();
    const said = await write(there, api.linking.redeem, { code, agreed: at(HERE) });
    expect(said).toMatchObject({ refused: "RateLimited" });
    expect("retryAt" in said && (said.retryAt ?? 0) > now).toBe(true);
    vi.advanceTimersByTime(60 * 60_000);
    const next = await start(here);
    expect(await write(there, api.linking.redeem, { code: next })).toHaveProperty("maker");
  });

  test("is made ten times an hour at most", async () => {
    for (let n = 0; n < 10; n++) await start(here);
    const said = await write(here, api.linking.start, { codeHash: await hashOf("eleven") });
    expect(said).toMatchObject({ refused: "RateLimited" });
  });
});

test("only the maker's own sees and confirms who redeemed it", async () => {
  const identity = await redeemed(here, there);
  for (const other of [there, eve]) {
    expect((await other.query(api.linking.mine, {})).link).toBeNull();
    const stolen = write(other, api.linking.confirm, { identity });
    expect(await refused(stolen)).toMatchObject({ code: "NotFound" });
  }
  const mistaken = write(here, api.linking.confirm, { identity: at(EVE) });
  expect(await refused(mistaken)).toMatchObject({ code: "NotFound" });
});

test("one e-mail address at two issuers never makes one person", async () => {
  const [one, two] = ["https://a.test", "https://b.test"].map((issuer) =>
    backend.withIdentity({ issuer, subject: "x", email: "ada@x.test", emailVerified: true }),
  );
  if (!one || !two) throw new Error("Nobody is there.");
  await session(one, "mine");
  expect(await me(one)).not.toBe(await me(two));
  expect(await names(two)).toEqual([]);
});

describe("what both had", () => {
  test("becomes the one person's, seen as changed and whole from both sides", async () => {
    const a = await session(here, "from a");
    const b = await session(there, "from b", { cwd: "/home/ada/b" });
    const seen = (await here.query(api.sessions.changed, { after: 0 })).sessions;
    const last = Math.max(...seen.map((row) => row.updatedAt));
    await linkUp(here, there);
    await moved();
    const news = await here.query(api.sessions.changed, { after: last });
    expect(news.sessions.map((row) => [row.name, row.role])).toEqual([["from b", "owner"]]);
    for (const [n, side] of [here, there].entries()) {
      expect((await names(side)).sort()).toEqual(["from a", "from b"]);
      expect(await texts(side, a)).toEqual(["from a", ...Array(n).fill("more")]);
      expect(await texts(side, b)).toEqual(["from b"]);
      const more = { session: a, messages: [message("more")] };
      expect((await write(side, api.messages.append, more)).seqs).toHaveLength(1);
    }
    const workspaces = await there.query(api.workspaces.list, {});
    expect(workspaces.map((row) => row.path)).toEqual(["/home/ada/b", "/home/ada/project"]);
  });

  test("is all there, in every table, with none left under the old name", async () => {
    const theirs = await makeWorld(backend, there);
    await session(here, "from a");
    const before = await everything(backend);
    await linkUp(here, there);
    await moved();
    const after = await everything(backend);
    for (const table of [
      "sessions",
      "members",
      "messages",
      "todos",
      "approvals",
      "streams",
      "transcripts",
      "transcriptHeads",
      "leases",
      "presence",
      "beats",
      "files",
    ])
      expect(after[table]?.length, table).toBe(before[table]?.length);
    const user = await me(here);
    for (const table of [
      "workspaces",
      "sessions",
      "members",
      "leases",
      "transcriptHeads",
      "presence",
      "beats",
      "identities",
    ])
      expect(new Set(after[table]?.map((row) => row.userId)), table).toEqual(new Set([user]));
    const { session: id, claudeSessionId } = theirs;
    expect(await here.query(api.transcripts.heads, { claudeSessionId })).toHaveLength(2);
    expect(await here.query(api.sessions.lease, { session: id })).toMatchObject({ label: "a" });
    const present = await here.query(api.presence.list, { session: id });
    expect(present).toMatchObject([{ label: "a", mine: true, name: "Ada" }]);
    expect(await identities(here)).toEqual([at(HERE), theirs.linked, at(THERE)]);
  });

  test("moves in bounded batches, and can be read and written all the while", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 250; n++) ids.push(await session(there, `number ${n}`));
    await linkUp(here, there);
    const middle = await here.query(api.linking.mine, {});
    expect(middle.joining).toBe(true);
    const last = ids.at(-1) ?? "";
    expect((await names(here)).length).toBeLessThan(101);
    expect(await texts(here, last)).toEqual(["number 249"]);
    const late = info({ clientId: last, name: "renamed meanwhile" });
    await write(there, api.messages.append, { session: last, info: late, messages: [] });
    const other = redeemed(here, eve).then(
      async (identity) => await write(here, api.linking.confirm, { identity }),
    );
    expect(await refused(other)).toMatchObject({ code: "Busy" });
    await moved();
    expect((await here.query(api.linking.mine, {})).joining).toBe(false);
    const rows = (await everything(backend)).sessions ?? [];
    expect(rows).toHaveLength(250);
    expect(new Set(rows.map((row) => row.userId))).toEqual(new Set([await me(here)]));
    expect(await here.query(api.sessions.get, { session: last })).toMatchObject({
      name: "renamed meanwhile",
    });
  });

  test("is kept under a new id where both had one of the same", async () => {
    const clientId = newId();
    await session(here, "of a", { clientId });
    await session(there, "of b", { clientId });
    await linkUp(here, there);
    await moved();
    const rows = (await here.query(api.sessions.changed, { after: 0 })).sessions;
    expect(rows.map((row) => row.name)).toEqual(["of a", "of b"]);
    expect(rows[0]?.clientId).toBe(clientId);
    expect(rows[1]?.clientId).not.toBe(clientId);
    for (const row of rows) expect(await texts(there, row.clientId)).toEqual([row.name]);
  });

  test("was deleted: it stays so, and takes no living one of the same id along", async () => {
    const clientId = newId();
    const gone = await session(there, "gone");
    await session(there, "gone, too", { clientId });
    await session(here, "lives", { clientId });
    for (const id of [gone, clientId]) await write(there, api.sessions.remove, { session: id });
    await linkUp(here, there);
    await moved();
    const rows = (await here.query(api.sessions.changed, { after: 0 })).sessions;
    expect(rows.map((row) => [row.clientId, row.deletedAt !== undefined])).toEqual([
      [clientId, false],
      [gone, true],
    ]);
    const again = write(there, api.sessions.create, { session: info({ clientId: gone }) });
    expect(await refused(again)).toMatchObject({ code: "NotFound" });
  });

  test("was shared by one with the other, or by somebody with both: the higher role stays", async () => {
    const own = await session(there, "own");
    const eves = await session(eve, "eve's");
    await share(there, own, here, "viewer");
    await share(eve, eves, here, "viewer");
    await share(eve, eves, there, "editor");
    await write(there, api.sessions.acquireLease, lease(eves));
    await linkUp(here, there);
    await moved();
    const { members, shared } = await everything(backend);
    expect([members?.length, shared?.length]).toEqual([3, 1]);
    const { sessions } = await here.query(api.sessions.changed, { after: 0 });
    expect(sessions.map(({ name, role, shared }) => [name, role, shared]).sort()).toEqual([
      ["eve's", "editor", true],
      ["own", "owner", false],
    ]);
    const renewed = await write(here, api.sessions.acquireLease, lease(eves));
    expect(renewed).toMatchObject({ granted: true, lease: { mine: true } });
    await write(here, api.messages.append, { session: eves, messages: [message("as editor")] });
    await write(here, api.sessions.remove, { session: own });
    const theirs = write(here, api.sessions.remove, { session: eves });
    expect(await refused(theirs)).toMatchObject({ code: "Forbidden" });
  });
});

const lease = (session: string) => ({ session, holder: "h", label: "l", ttlMs: 60_000 });

async function share(owner: Person, session: string, who: Person, role: "viewer" | "editor") {
  const code = await invite(owner, session, { role });
  await write(who, api.sharing.redeem, { code });
}

describe("a linked identity", () => {
  test("does not rename the person", async () => {
    await linkUp(here, there);
    expect(await write(there, api.users.ensure, {})).toMatchObject({ name: "Ada" });
  });

  test("is told which users became one, so that a store knows its own", async () => {
    const [a, b] = [await me(here), await me(there)];
    await linkUp(here, there);
    expect(await write(there, api.users.ensure, {})).toMatchObject({ userId: a, formerly: [b] });
    await linkUp(backend.withIdentity(ADA), there);
    const last = await write(here, api.users.ensure, {});
    expect(last.userId).toBe(await me(backend.withIdentity(ADA)));
    expect(last.formerly.sort()).toEqual([a, b].sort());
  });

  test("that is unlinked is new, with nothing; all stays with the others", async () => {
    const id = await session(there, "from b");
    const before = await me(there);
    await linkUp(here, there);
    await moved();
    await write(here, api.linking.unlink, { identity: at(THERE) });
    expect(await identities(here)).toEqual([at(HERE)]);
    expect([await me(here), before]).not.toContain(await me(there));
    expect(await names(there)).toEqual([]);
    expect(await refused(there.query(api.messages.before, { session: id }))).toMatchObject({
      code: "NotFound",
    });
    expect(await texts(here, id)).toEqual(["from b"]);
    await linkUp(here, there);
    expect(await texts(there, id)).toEqual(["from b"]);
  });

  test("may be the first one: the others go on", async () => {
    await session(here, "from a");
    const user = await me(here);
    await linkUp(here, there);
    await write(there, api.linking.unlink, { identity: at(HERE) });
    expect(await me(there)).toBe(user);
    expect(await me(here)).not.toBe(user);
    expect(await names(there)).toEqual(["from a"]);
    const last = write(there, api.linking.unlink, { identity: at(THERE) });
    expect(await refused(last)).toMatchObject({ code: "Invalid" });
  });

  test("can't be unlinked by somebody else", async () => {
    await linkUp(here, there);
    for (const identity of [at(HERE), at(THERE)]) {
      const stolen = write(eve, api.linking.unlink, { identity });
      expect(await refused(stolen)).toMatchObject({ code: "NotFound" });
    }
  });
});
