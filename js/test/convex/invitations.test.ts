/** Invitations: who comes in by a code, as what, and how often. */
import { describe, expect, test } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import { EVE, finishJobs, info, newId, refused, write } from "./backend";
import { ada, BAD, backend, eve, get, later, NOW, redeem, send, session } from "./shared";
import { everything, invite, share } from "./world";

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
