import { beforeEach, describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api";
import { begin, bytes, info, message, newId, type Person, refused, write } from "./backend";

let ada: Person;
let session: string;

beforeEach(async () => {
  ({ ada, session } = await begin());
});

const append = (messages: ReturnType<typeof message>[], more: object = {}) =>
  write(ada, api.messages.append, { session, messages, ...more });
const after = (seq: number, limit?: number) =>
  ada.query(api.messages.after, { session, after: seq, ...(limit ? { limit } : {}) });

describe("appending", () => {
  test("gives each message its place in the order of arrival (S3)", async () => {
    const [one, two, three] = [message("one"), message("two"), message("three")];
    const first = await append([one, two]);
    const second = await append([three]);
    expect([...first.seqs, ...second.seqs].map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const { messages } = await after(0);
    expect(messages.map(({ clientId }) => clientId)).toEqual(
      [one, two, three].map(({ clientId }) => clientId),
    );
  });

  test("keeps one copy of what is sent again, and changes nothing by it (S2)", async () => {
    const [one, two] = [message("one", { cost: 0.5 }), message("two")];
    await append([one]);
    const before = await ada.query(api.sessions.get, { session });
    const again = await append([{ ...one, content: [] }]);
    expect(again.seqs).toEqual([{ clientId: one.clientId, seq: 1 }]);
    expect(await ada.query(api.sessions.get, { session })).toEqual(before);
    const mixed = await append([one, two, two]);
    expect(mixed.seqs.map(({ seq }) => seq)).toEqual([1, 2, 2]);
    const { messages } = await after(0);
    expect(messages.map((each) => each.content)).toEqual([one.content, two.content]);
    expect(await ada.query(api.sessions.get, { session })).toMatchObject({
      nextSeq: 3,
      messageCount: 2,
      costUsd: 0.5,
      lastActivityAt: 2_000,
    });
  });

  test("refuses turns that others crossed, whole, and none that was only sent again", async () => {
    const [one, two, theirs] = [message("one"), message("two"), message("theirs")];
    await append([one], { knew: { seq: 0, mine: 0 } });
    await append([one, two], { knew: { seq: 0, mine: 0 } });
    await append([theirs]);
    const three = message("three");
    const late = append([three], { knew: { seq: 1, mine: 1 } });
    expect(await refused(late)).toMatchObject({ code: "Crossed" });
    expect((await after(0)).messages).toHaveLength(3);
    await append([three], { knew: { seq: 3, mine: 0 } });
    expect((await after(0)).messages).toHaveLength(4);
  });

  test("gives concurrent writers one order without gaps (S3)", async () => {
    const batches = Array.from({ length: 20 }, () => [message(), message()]);
    await Promise.all(batches.map((each) => append(each)));
    const { messages } = await after(0);
    expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    const place = new Map(messages.map(({ clientId, seq }) => [clientId, seq]));
    for (const [one, two] of batches)
      expect(place.get(two?.clientId ?? "")).toBe((place.get(one?.clientId ?? "") ?? 0) + 1);
  });

  test("makes the session, its to-dos, approvals and transcript in the same transaction", async () => {
    const made = info({ name: "fresh" });
    const session = made.clientId;
    const result = await write(ada, api.messages.append, {
      session,
      info: made,
      messages: [message()],
      todos: [{ key: "1", content: "Read", status: "pending" }],
      approvals: [{ clientId: newId(), turnId: "turn", status: "pending", content: [] }],
      transcripts: [
        {
          claudeSessionId: "c",
          projectKey: "p",
          subpath: "",
          chunks: [{ chunkId: newId(), count: 3, data: bytes(10) }],
        },
      ],
    });
    expect(result.session).toMatchObject({ name: "fresh", messageCount: 1, role: "owner" });
    expect(await ada.query(api.todos.list, { session })).toMatchObject([{ content: "Read" }]);
    expect(await ada.query(api.approvals.open, { session })).toHaveLength(1);
    const loaded = await ada.query(api.transcripts.load, { session, claudeSessionId: "c" });
    expect(loaded.chunks).toMatchObject([{ seq: 1, count: 3 }]);
  });

  test("does all of it or nothing", async () => {
    const made = info();
    const call = write(ada, api.messages.append, {
      session: made.clientId,
      info: made,
      messages: [message(), message("x", { file: "0".repeat(64), content: [] })],
    });
    expect(await refused(call)).toMatchObject({ code: "Invalid" });
    expect(await ada.query(api.sessions.get, { session: made.clientId })).toBeNull();
  });

  test("changes of the session only what a patch names", async () => {
    await append([], { patch: { title: "A title", model: "m" } });
    await write(ada, api.sessions.rename, { session, name: "renamed elsewhere" });
    const { session: row } = await append([message()], { patch: { model: null } });
    expect(row).toMatchObject({ name: "renamed elsewhere", title: "A title" });
    expect(row.model).toBeUndefined();
  });

  test("writes who sent a message, whatever the client says", async () => {
    await append([message("x", { authorId: "somebody" })]);
    const { user } = await ada.query(api.users.me, {});
    expect((await after(0)).messages[0]?.authorId).toBe(user?.userId);
  });
});

describe("sizes", () => {
  test("refuse a message that fits no document, and say which", async () => {
    const big = message("", { content: [], packed: bytes(1024 * 1024) });
    expect(await refused(append([message(), big]))).toMatchObject({
      code: "TooLarge",
      clientId: big.clientId,
    });
    expect((await after(0)).messages).toEqual([]);
  });

  test("refuse a time and a cost that are no numbers: they would stay in every sum", async () => {
    for (const more of [{ cost: Number.NaN }, { timestamp: Number.NEGATIVE_INFINITY }]) {
      const bad = message("x", more);
      const said = { code: "Invalid", clientId: bad.clientId };
      expect(await refused(append([bad]))).toMatchObject(said);
    }
  });

  test("refuse a call that a transaction cannot hold", async () => {
    const half = () => message("", { content: [], packed: bytes(900 * 1024) });
    const call = append(Array.from({ length: 10 }, half));
    expect(await refused(call)).toMatchObject({ code: "TooLarge", limit: 8 * 1024 * 1024 });
  });

  test("refuse too many messages at once", async () => {
    const call = append(Array.from({ length: 501 }, () => message()));
    expect(await refused(call)).toMatchObject({ code: "TooLarge", limit: 500 });
  });

  test("refuse more chunks of transcripts than fit, in however many transcripts", async () => {
    const chunks = () =>
      Array.from({ length: 30 }, () => ({ chunkId: newId(), count: 1, data: bytes(1) }));
    const transcripts = Array.from({ length: 7 }, (_, n) => ({
      claudeSessionId: "c",
      projectKey: "p",
      subpath: `agents/${n}`,
      chunks: chunks(),
    }));
    expect(await refused(append([], { transcripts }))).toMatchObject({
      code: "TooLarge",
      limit: 200,
    });
    const { chunks: placed } = await append([], { transcripts: transcripts.slice(0, 6) });
    expect(placed).toHaveLength(180);
  });

  test("take 500 messages at once, and pages of the largest documents", async () => {
    await append(Array.from({ length: 500 }, () => message()));
    const large = () => message("", { content: [], packed: bytes(900 * 1024) });
    for (let n = 0; n < 3; n += 1) await append([large(), large(), large(), large()]);
    const page = await after(500);
    expect(page.messages).toHaveLength(4);
    expect(page.more).toBe(true);
    const last = await ada.query(api.messages.before, { session });
    expect(last.messages.map(({ seq }) => seq)).toEqual([509, 510, 511, 512]);
  });

  test("refuse content in two places", async () => {
    const both = message("x", { packed: bytes(3) });
    expect(await refused(append([both]))).toMatchObject({ code: "Invalid" });
  });
});

describe("paging", () => {
  beforeEach(async () => {
    await append(Array.from({ length: 95 }, (_, n) => message(`${n + 1}`)));
  });

  test("goes backwards from the end without a gap or a repeat", async () => {
    const seen: number[] = [];
    let before: number | undefined;
    for (let more = true; more; ) {
      const args = { session, limit: 20, ...(before ? { before } : {}) };
      const page = await ada.query(api.messages.before, args);
      seen.unshift(...page.messages.map(({ seq }) => seq));
      ({ more } = page);
      before = seen[0];
    }
    expect(seen).toEqual(Array.from({ length: 95 }, (_, n) => n + 1));
  });

  test("shows the tail behind a place, 40 at most", async () => {
    const page = await after(50, 1_000);
    expect(page.messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 51),
    );
    expect(page.more).toBe(true);
    expect(await after(90)).toMatchObject({ more: false });
    expect((await after(95)).messages).toEqual([]);
  });

  test("fetches messages by id, and leaves out those that aren't there", async () => {
    const { messages } = await after(0, 3);
    const clientIds = [messages[2]?.clientId ?? "", "none", messages[0]?.clientId ?? ""];
    const found = await ada.query(api.messages.fetch, { session, clientIds });
    expect(found.messages.map(({ seq }) => seq)).toEqual([3, 1]);
  });
});
