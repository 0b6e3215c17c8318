import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import { type Backend, begin, type Person, write } from "./backend";

let backend: Backend;
let ada: Person;
let session: string;

beforeEach(async () => {
  ({ backend, ada, session } = await begin({ now: 1_000_000 }));
});

const acquire = (holder: string, ttlMs = 15_000) =>
  write(ada, api.sessions.acquireLease, { session, holder, label: `label of ${holder}`, ttlMs });
const renew = (holder: string) =>
  write(ada, api.sessions.renewLease, { session, holder, ttlMs: 15_000 });
const release = (holder: string) => write(ada, api.sessions.releaseLease, { session, holder });
const held = () => ada.query(api.sessions.lease, { session });

describe("a lease (S4)", () => {
  test("is one holder's; another learns whose it is and since when", async () => {
    expect(await acquire("a")).toMatchObject({ granted: true, now: 1_000_000 });
    vi.setSystemTime(1_005_000);
    expect(await acquire("b")).toEqual({
      granted: false,
      lease: {
        session,
        holder: "a",
        label: "label of a",
        name: "Ada",
        since: 1_000_000,
        expiresAt: 1_015_000,
        mine: true,
      },
      now: 1_005_000,
      nextSeq: 1,
    });
  });

  test("goes to exactly one of two who race for it, five hundred times", async () => {
    for (let n = 0; n < 500; n += 1) {
      const holders = [`a${n}`, `b${n}`];
      const answers = await Promise.all(holders.map((holder) => acquire(holder)));
      const winners = answers.filter(({ granted }) => granted);
      expect(winners).toHaveLength(1);
      const winner = winners[0]?.lease?.holder ?? "";
      expect(answers.map(({ lease }) => lease?.holder)).toEqual([winner, winner]);
      expect((await held())?.holder).toBe(winner);
      await release(winner);
    }
  });

  test("is kept by its heartbeat, and keeps its beginning", async () => {
    await acquire("a");
    for (let n = 1; n <= 10; n += 1) {
      vi.setSystemTime(1_000_000 + n * 10_000);
      expect((await renew("a")).granted).toBe(true);
    }
    expect((await acquire("b")).granted).toBe(false);
    expect(await acquire("a")).toMatchObject({ granted: true, lease: { since: 1_000_000 } });
  });

  test("is free once it has expired, and lost to whoever had it", async () => {
    await acquire("a");
    vi.setSystemTime(1_015_000);
    expect((await acquire("b")).granted).toBe(true);
    expect(await renew("a")).toMatchObject({ granted: false, lease: { holder: "b" } });
    await release("a");
    expect((await held())?.holder).toBe("b");
  });

  test("that expired while nobody wanted it goes on", async () => {
    await acquire("a");
    vi.setSystemTime(1_060_000);
    expect((await renew("a")).granted).toBe(true);
    expect((await acquire("b")).granted).toBe(false);
  });

  test("given back is there for the next", async () => {
    await acquire("a");
    await release("a");
    expect(await held()).toBeNull();
    expect(await renew("a")).toMatchObject({ granted: false, lease: null });
    expect((await acquire("b")).granted).toBe(true);
  });

  test("lasts neither for ever nor for no time", async () => {
    expect((await acquire("a", 1e15)).lease?.expiresAt).toBe(1_300_000);
    await release("a");
    expect((await acquire("a", Number.NaN)).lease?.expiresAt).toBe(1_001_000);
  });

  test("of every session of the user is listed", async () => {
    await acquire("a");
    expect(await ada.query(api.sessions.leases, {})).toEqual([await held()]);
  });

  test("long expired is swept, and its session rests", async () => {
    const phase = { type: "running" };
    await write(ada, api.sessions.setPhase, { session, phase, isClaudeBusy: true });
    await acquire("a");
    const busy = async () => (await ada.query(api.sessions.get, { session }))?.isClaudeBusy;
    vi.setSystemTime(1_100_000);
    await backend.mutation(internal.sweeps.leases, {});
    expect([await busy(), (await held())?.holder]).toEqual([true, "a"]);
    vi.setSystemTime(1_140_000);
    await backend.mutation(internal.sweeps.leases, {});
    expect([await busy(), await held()]).toEqual([false, null]);
  });
});
