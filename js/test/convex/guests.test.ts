/** What guests do beside the owner: write in turns, and let Claude work. */
import { describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api";
import { approval, message, type Person, refused, write } from "./backend";
import { acquire, ada, backend, session, tail } from "./shared";
import { share } from "./world";

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
