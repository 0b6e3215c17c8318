/** What is there only for a moment: pieces of an answer, and who is here. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import type { Delta } from "../../convex/model/values";
import {
  type Backend,
  begin,
  finishJobs,
  info,
  message,
  type Person,
  refused,
  write,
} from "./backend";
import { everything } from "./world";

let backend: Backend;
let ada: Person;
let session: string;

beforeEach(async () => {
  ({ backend, ada, session } = await begin({ now: 1_000_000 }));
});

describe("a streaming answer", () => {
  const piece = (start: number, text: string, more: Partial<Delta> = {}): Delta => ({
    messageClientId: "m",
    turnId: "turn",
    blockIndex: 0,
    type: "text",
    start,
    end: start + text.length,
    text,
    ...more,
  });
  const push = (...deltas: Delta[]) => write(ada, api.streams.push, { session, deltas });
  const tail = (after = 0) => ada.query(api.streams.tail, { session, after });
  const texts = async (after = 0) => (await tail(after)).deltas.map(({ text }) => text);

  test("is seen piece by piece, in order, and only what is new", async () => {
    await push(piece(0, "Hello"), piece(5, ", "));
    const { deltas } = await tail();
    await push(piece(7, "world"));
    expect(await texts()).toEqual(["Hello", ", ", "world"]);
    expect(await texts(deltas.at(-1)?.order)).toEqual(["world"]);
  });

  test("has each piece once (S2)", async () => {
    await push(piece(0, "Hello"));
    await push(piece(0, "Hello"), piece(5, "!"));
    expect(await texts()).toEqual(["Hello", "!"]);
  });

  test("goes when its message lands, and a late piece doesn't bring it back", async () => {
    await push(piece(0, "Hello"), piece(0, "Other", { messageClientId: "n" }));
    const landed = message("Hello", { clientId: "m" });
    await write(ada, api.messages.append, { session, messages: [landed] });
    await push(piece(5, " again"));
    expect(await texts()).toEqual(["Other"]);
  });

  test("goes in batches where it is long", async () => {
    for (let n = 0; n < 5; n += 1)
      await push(...Array.from({ length: 50 }, (_, k) => piece(50 * n + k, "x")));
    const landed = message("x", { clientId: "m" });
    await write(ada, api.messages.append, { session, messages: [landed] });
    await finishJobs(backend);
    expect((await everything(backend)).streams).toEqual([]);
  });

  test("keeps its place where all before it is gone", async () => {
    await push(piece(0, "one"));
    const { deltas } = await tail();
    await write(ada, api.streams.clear, { session, messageClientIds: ["m"] });
    vi.advanceTimersByTime(1);
    await push(piece(0, "two", { messageClientId: "n" }));
    expect(await texts(deltas[0]?.order)).toEqual(["two"]);
  });

  test("whose message never landed is swept", async () => {
    await push(piece(0, "lost"));
    await backend.mutation(internal.sweeps.streams, {});
    expect(await texts()).toEqual(["lost"]);
    vi.setSystemTime(1_000_000 + 3_700_000);
    await backend.mutation(internal.sweeps.streams, {});
    expect(await texts()).toEqual([]);
  });

  test("in pieces that are too large or too many is refused", async () => {
    expect(await refused(push(piece(0, "x".repeat(70_000))))).toMatchObject({ code: "TooLarge" });
    const many = Array.from({ length: 51 }, (_, n) => piece(n, "x"));
    expect(await refused(push(...many))).toMatchObject({ code: "TooLarge" });
  });
});

describe("presence", () => {
  const beat = (clientKey: string, watching: Record<string, boolean>) =>
    write(ada, api.presence.heartbeat, {
      clientKey,
      label: `label of ${clientKey}`,
      sessions: Object.entries(watching).map(([session, watching]) => ({ session, watching })),
    });
  const here = async (of = session) =>
    (await ada.query(api.presence.list, { session: of })).map(({ clientKey }) => clientKey);

  test("says who has a session open, and who looks at it", async () => {
    await beat("a", { [session]: true });
    await beat("b", { [session]: false });
    expect(await ada.query(api.presence.list, { session })).toMatchObject([
      {
        clientKey: "a",
        label: "label of a",
        watching: true,
        since: 1_000_000,
        name: "Ada",
        mine: true,
      },
      { clientKey: "b", watching: false },
    ]);
    await beat("b", { [session]: true });
    expect(await ada.query(api.presence.list, { session })).toMatchObject([
      { watching: true },
      { watching: true },
    ]);
  });

  test("ends for a session that is no longer named, and for a server that leaves", async () => {
    const other = (await write(ada, api.sessions.create, { session: info() })).clientId;
    await beat("a", { [session]: true, [other]: true });
    await beat("b", { [session]: true });
    await beat("a", { [other]: true });
    expect([await here(), await here(other)]).toEqual([["b"], ["a"]]);
    await write(ada, api.presence.leave, { clientKey: "a" });
    expect(await here(other)).toEqual([]);
  });

  test("of a server that is gone ends with the next beat of another, or with the cron", async () => {
    await beat("dead", { [session]: true });
    vi.setSystemTime(1_020_000);
    await beat("alive", { [session]: true });
    vi.setSystemTime(1_031_000);
    expect(await here()).toEqual(["dead", "alive"]);
    await beat("alive", { [session]: true });
    expect(await here()).toEqual(["alive"]);
    vi.setSystemTime(1_070_000);
    await backend.mutation(internal.sweeps.presence, {});
    expect(await here()).toEqual([]);
    expect((await everything(backend)).beats).toEqual([]);
  });

  test("leaves out a session that is gone, instead of failing for all", async () => {
    await beat("a", { [session]: true, gone: true });
    expect(await here()).toEqual(["a"]);
  });
});
