import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import { hashOf } from "../../convex/model/sha256";
import { API_VERSION } from "../../convex/version";
import { type Backend, finishJobs, makeBackend, refused } from "./backend";

const EMAIL = "ada@example.test";
const NOW = Date.UTC(2026, 10, 1);
const MINUTE = 60_000;
const MAIL = {
  IPYCLAUDE_MAIL_URL: "https://mail.test/emails",
  IPYCLAUDE_MAIL_KEY: "re_key",
  IPYCLAUDE_MAIL_FROM: "Convex <convex@example.test>",
};

const taken = vi.fn(async (_url: string, _init: RequestInit) => new Response("{}"));
let backend: Backend;

beforeEach(async () => {
  vi.useFakeTimers({ now: NOW });
  vi.stubGlobal("fetch", taken);
  for (const [name, value] of Object.entries(MAIL)) vi.stubEnv(name, value);
  vi.stubEnv("IPYCLAUDE_ACCOUNTS_KEY", JSON.stringify(await signingKey()));
  backend = makeBackend();
  await backend.run(async (ctx) => await ctx.db.insert("accounts", { email: EMAIL, name: "Ada" }));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  taken.mockReset().mockImplementation(async () => new Response("{}"));
});

async function signingKey() {
  const { exportPKCS8, generateKeyPair } = await import("jose");
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { issuer: "https://accounts.test", kid: "k", pkcs8: await exportPKCS8(privateKey) };
}

const ask = async (email = EMAIL) =>
  await backend.action(api.accounts.mailCode, { email, api: API_VERSION });
const sent = async () => await finishJobs(backend);
const redeem = async (code: string, more: { email?: string; password?: string } = {}) =>
  await backend.action(api.accounts.redeem, { email: EMAIL, code, api: API_VERSION, ...more });

/** Ask for a code, and read it in the last mail. */
async function codeByMail() {
  await ask();
  await sent();
  const { text } = JSON.parse(String(taken.mock.lastCall?.[1].body));
  return /^(\w{5})-(\w{5})\n/.exec(text)?.slice(1).join("") ?? "";
}

describe("a code by mail", () => {
  test("is posted as the API takes it, to the account's own address", async () => {
    await ask(` ${EMAIL.toUpperCase()} `);
    await sent();
    const [url, init] = taken.mock.lastCall ?? [];
    expect(url).toBe(MAIL.IPYCLAUDE_MAIL_URL);
    expect(init?.headers).toMatchObject({ Authorization: "Bearer re_key" });
    const { from, to, subject, text } = JSON.parse(String(init?.body));
    expect([from, to]).toEqual([MAIL.IPYCLAUDE_MAIL_FROM, EMAIL]);
    expect(subject).not.toMatch(/\w{5}-\w{5}/);
    expect(text).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\n/);
  });

  test("signs in once, and with no password changes none", async () => {
    const code = await codeByMail();
    const before = await backend.run(async (ctx) => await ctx.db.query("accounts").unique());
    expect((await redeem(code)).token).toBeTruthy();
    expect(await refused(redeem(code))).toMatchObject({ code: "BadSignIn" });
    expect(await backend.run(async (ctx) => await ctx.db.query("accounts").unique())).toEqual(
      before,
    );
  });

  test("may set a password", async () => {
    await redeem(await codeByMail(), { password: "correct horse" });
    const given = { email: EMAIL, password: "correct horse", api: API_VERSION };
    expect((await backend.action(api.accounts.signIn, given)).token).toBeTruthy();
  });

  test("is not to be guessed: all together try 240 a minute", async () => {
    for (let n = 0; n < 240; n++)
      expect(await refused(redeem("WRONG"))).toMatchObject({ code: "BadSignIn" });
    expect(await refused(redeem("WRONG"))).toMatchObject({ code: "RateLimited" });
  });

  test("lasts ten minutes", async () => {
    const [first, second] = [await codeByMail(), await codeByMail()];
    vi.setSystemTime(Date.now() + 9 * MINUTE);
    expect((await redeem(first)).token).toBeTruthy();
    // One that was used took the other along.
    expect(await refused(redeem(second))).toMatchObject({ code: "BadSignIn" });
    const third = await codeByMail();
    vi.setSystemTime(Date.now() + 10 * MINUTE);
    expect(await refused(redeem(third))).toMatchObject({ code: "BadSignIn" });
  });

  test("is good at its own address alone, and leaves the administrator's", async () => {
    const given = { email: EMAIL, codeHash: hashOf("GIVEN") };
    await backend.mutation(internal.credentials.invite, given);
    const code = await codeByMail();
    expect(await refused(redeem(code, { email: "eve@example.test" }))).toMatchObject({
      code: "BadSignIn",
    });
    expect((await redeem("GIVEN")).token).toBeTruthy();
  });

  test("is kept as a hash, and nowhere in what is scheduled (S6)", async () => {
    const code = await codeByMail();
    const rows = await backend.run(async (ctx) => [
      ...(await ctx.db.query("accountCodes").collect()),
      ...(await ctx.db.system.query("_scheduled_functions").collect()),
    ]);
    const text = JSON.stringify(rows);
    expect(text).toContain(hashOf(code));
    expect(text).not.toContain(code);
    expect(text).not.toContain(code.slice(0, 5));
  });
});

test.each(["", "{}"])("a sign-in outlives a signing key that is %j for a while", async (key) => {
  const { refreshToken } = await redeem(await codeByMail());
  const renew = async () =>
    await backend.action(api.accounts.refresh, { refreshToken, api: API_VERSION });
  const good = process.env.IPYCLAUDE_ACCOUNTS_KEY;
  vi.stubEnv("IPYCLAUDE_ACCOUNTS_KEY", key);
  await expect(renew()).rejects.toThrow();
  vi.stubEnv("IPYCLAUDE_ACCOUNTS_KEY", good);
  // Too late for a token that was used up and comes again.
  vi.setSystemTime(Date.now() + 2 * MINUTE);
  expect((await renew()).token).toBeTruthy();
});

describe("whoever asks", () => {
  test("is told the same of an address that nobody has, where no mail goes", async () => {
    expect([await ask(), await ask("nobody@example.test")]).toEqual([null, null]);
    const scheduled = async () =>
      await backend.run(async (ctx) => await ctx.db.system.query("_scheduled_functions").collect());
    expect((await scheduled()).length).toBe(2);
    expect(JSON.stringify(await scheduled())).not.toContain("nobody");
    await sent();
    expect(taken).toHaveBeenCalledOnce();
  });

  test("waits after five mails an hour, known or not", async () => {
    for (const email of [EMAIL, "nobody@example.test"]) {
      for (let n = 0; n < 5; n++) await ask(email);
      expect(await refused(ask(email))).toMatchObject({ code: "RateLimited" });
    }
    await sent();
    expect(taken).toHaveBeenCalledTimes(5);
    vi.setSystemTime(Date.now() + 12 * MINUTE);
    expect(await ask()).toBeNull();
  });

  test("waits after 120 mails an hour of all together", async () => {
    for (let n = 0; n < 120; n++) await ask(`${n}@example.test`);
    expect(await refused(ask())).toMatchObject({ code: "RateLimited" });
  });

  test.each(Object.keys(MAIL))("is told that there is no mail without %s", async (name) => {
    const offers = async () => await backend.action(api.accounts.offers, { api: API_VERSION });
    expect(await offers()).toEqual({ accounts: true, mail: true });
    vi.stubEnv(name, "");
    expect(await offers()).toEqual({ accounts: true, mail: false });
    expect(await refused(ask())).toMatchObject({ code: "NoMail" });
    expect(await refused(ask("nobody@example.test"))).toMatchObject({ code: "NoMail" });
  });

  test("hears of no fault of the mail's, which is logged without code and key (S6)", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    taken.mockImplementation(async () => new Response("re_key is wrong", { status: 403 }));
    expect(await ask()).toBeNull();
    await sent();
    const text = logged.mock.calls.flat().map(String).join("\n");
    logged.mockRestore();
    expect(text).toContain("403");
    expect(text).not.toContain("re_key");
    expect(text).not.toMatch(/[0-9A-Z]{5}-?[0-9A-Z]{5}/);
  });
});
