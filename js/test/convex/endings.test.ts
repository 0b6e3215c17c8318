/** How sharing ends: by leaving, by being put out, by a lowered role. */
import { describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api";
import {
  approval,
  finishJobs,
  info,
  message,
  newId,
  type Person,
  refused,
  traced,
  write,
} from "./backend";
import {
  acquire,
  ada,
  BAD,
  backend,
  changed,
  eve,
  get,
  later,
  redeem,
  remove,
  send,
  session,
  setRole,
  tail,
} from "./shared";
import { invite, share } from "./world";

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
