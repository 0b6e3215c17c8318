import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import {
  ADA,
  type Backend,
  EVE,
  finishJobs,
  info,
  makeBackend,
  message,
  type Person,
  refused,
  write,
} from "./backend";
import { linkUp } from "./linked";
import { everything, makeWorld, share } from "./world";

let backend: Backend;
let ada: Person;
let eve: Person;

beforeEach(() => {
  vi.useFakeTimers();
  backend = makeBackend();
  ada = backend.withIdentity(ADA);
  eve = backend.withIdentity(EVE);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const identity = (of: typeof ADA) => `${of.issuer}|${of.subject}`;

async function erase(of: typeof ADA) {
  await backend.mutation(internal.users.erase, { identity: identity(of) });
  await finishJobs(backend);
}

test("a person goes with all that is theirs, and nobody else's", async () => {
  await makeWorld(backend, eve);
  const before = await everything(backend);
  await makeWorld(backend, ada);
  for (let n = 0; n < 50; n++) await write(ada, api.sessions.create, { session: info() });
  const gone = info();
  await write(ada, api.sessions.create, { session: gone });
  await write(ada, api.sessions.remove, { session: gone.clientId });
  await erase(ADA);
  const after = await everything(backend);
  for (const [table, rows] of Object.entries(before)) {
    const left = after[table]?.map(({ _id }) => _id);
    // Who only redeemed a code of theirs is somebody else.
    if (table === "users") expect(left).toEqual(expect.arrayContaining(rows.map(({ _id }) => _id)));
    else expect(left, table).toEqual(rows.map(({ _id }) => _id));
  }
  const again = await write(ada, api.users.ensure, {});
  expect(before.users?.map(({ _id }) => _id)).not.toContain(again.userId);
  expect((await ada.query(api.sessions.changed, { after: 0 })).sessions).toEqual([]);
});

test("any of their identities names them, and none is left", async () => {
  const other = { ...ADA, issuer: "https://other.test" };
  await write(ada, api.sessions.create, { session: info() });
  await linkUp(ada, backend.withIdentity(other));
  await erase(other);
  const after = await everything(backend);
  for (const table of ["users", "identities", "sessions", "members"])
    expect(after[table], table).toEqual([]);
  const nobody = backend.mutation(internal.users.erase, { identity: identity(ADA) });
  expect(await refused(nobody)).toMatchObject({ code: "NotFound" });
});

test("their accounts go too, with password, codes and sign-ins; nobody else's do", async () => {
  vi.stubEnv("IPYCLAUDE_ACCOUNTS", JSON.stringify([{ issuer: "https://accounts.test" }]));
  const [hers, others] = [await addAccount("ada@example.test"), await addAccount("eve@x.test")];
  const account = { issuer: "https://accounts.test", subject: hers };
  const kept = await everything(backend);
  await write(ada, api.sessions.create, { session: info() });
  await linkUp(ada, backend.withIdentity({ ...ADA, ...account }));
  // Another issuer may call its people as our accounts are called.
  await write(backend.withIdentity({ ...EVE, subject: others }), api.users.ensure, {});
  await erase({ ...EVE, subject: others });
  const [before, tables] = [await everything(backend), ["accounts", "accountCodes", "signIns"]];
  for (const table of tables) expect(before[table], table).toEqual(kept[table]);
  await erase(ADA);
  const after = await everything(backend);
  for (const table of tables) {
    expect(kept[table], table).toHaveLength(2);
    expect(after[table], table).toEqual(kept[table]?.slice(1));
  }
});

async function addAccount(email: string) {
  const code = { email, name: "", codeHash: email, expiresAt: Date.now() + 1e9 };
  return await backend.run(async (ctx) => {
    await ctx.db.insert("accountCodes", code);
    const accountId = await ctx.db.insert("accounts", { email, name: "", passwordHash: "x" });
    const signIn = { accountId, key: email, secretHash: "x", rotatedAt: 0, expiresAt: 1e15 };
    await ctx.db.insert("signIns", signIn);
    return accountId;
  });
}

test("what they wrote in others' sessions stays, by the name it was written under", async () => {
  const { clientId: session } = await write(eve, api.sessions.create, { session: info() });
  const { person } = await share(backend, eve, session, "editor", "Grace");
  await write(person, api.messages.append, { session, messages: [message("hers")] });
  const { tokenIdentifier } = await write(person, api.users.ensure, {});
  await backend.mutation(internal.users.erase, { identity: tokenIdentifier });
  await finishJobs(backend);
  const left = await eve.query(api.messages.before, { session });
  expect(left.messages).toMatchObject([{ author: { name: "Grace", me: false } }]);
  expect(await eve.query(api.sharing.members, { session })).toHaveLength(1);
});
