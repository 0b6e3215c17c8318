/** To-dos, approvals, transcripts, files and the export. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { api, internal } from "../../convex/_generated/api";
import type { ApprovalInput, ChunkInput, TodoInput } from "../../convex/model/values";
import {
  approval,
  type Backend,
  begin,
  bytes,
  finishJobs,
  message,
  newId,
  type Person,
  refused,
  sha256Of,
  upload,
  write,
} from "./backend";
import { everything, makeWorld } from "./world";

let backend: Backend;
let ada: Person;
let session: string;

beforeEach(async () => {
  ({ backend, ada, session } = await begin());
});

describe("to-dos", () => {
  const todo = (key: string, more: Partial<TodoInput> = {}): TodoInput => ({
    key,
    content: `Do ${key}`,
    status: "pending",
    ...more,
  });
  const replace = (todos: TodoInput[]) => write(ada, api.todos.replace, { session, todos });
  const list = () => ada.query(api.todos.list, { session });

  test("are replaced as a whole, in the order given", async () => {
    await replace([todo("1"), todo("2"), todo("3")]);
    await replace([todo("3"), todo("1", { status: "completed", activeForm: "Doing" }), todo("4")]);
    expect(await list()).toEqual([
      { ...todo("3"), position: 0 },
      { ...todo("1", { status: "completed", activeForm: "Doing" }), position: 1 },
      { ...todo("4"), position: 2 },
    ]);
    await replace([]);
    expect(await list()).toEqual([]);
  });

  test("that stay the same are not written again", async () => {
    await replace([todo("1"), todo("2")]);
    const before = (await everything(backend)).todos;
    await replace([todo("1"), todo("2")]);
    expect((await everything(backend)).todos).toEqual(before);
  });

  test("are changed one by one", async () => {
    await replace([todo("1"), todo("2")]);
    await write(ada, api.todos.patch, { session, key: "2", patch: { status: "in_progress" } });
    expect((await list()).map(({ status }) => status)).toEqual(["pending", "in_progress"]);
    const call = write(ada, api.todos.patch, { session, key: "9", patch: {} });
    expect(await refused(call)).toMatchObject({ code: "NotFound" });
  });

  test("with one key are refused", async () => {
    expect(await refused(replace([todo("1"), todo("1")]))).toMatchObject({ code: "Invalid" });
  });
});

describe("approvals", () => {
  const upsert = (...approvals: ApprovalInput[]) =>
    write(ada, api.approvals.upsert, { session, approvals });
  const open = () => ada.query(api.approvals.open, { session });

  test("are decided once: of many who answer at once the first stands for all", async () => {
    const asked = approval();
    await upsert(asked);
    const servers = Array.from({ length: 20 }, (_, n) => `server ${n}`);
    const answers = await Promise.all(
      servers.map((server, n) =>
        write(ada, api.approvals.decide, {
          session,
          approval: asked.clientId,
          status: n % 2 ? "allowed" : "denied",
          server,
          content: [],
        }),
      ),
    );
    expect(new Set(answers.map(({ server }) => server)).size).toBe(1);
    expect(await open()).toEqual([answers[0]]);
  });

  test("never go from decided back to pending", async () => {
    const asked = approval();
    await upsert(asked);
    await upsert({ ...asked, status: "denied" });
    await upsert(asked, { ...asked, status: "allowed" });
    expect(await open()).toMatchObject([{ clientId: asked.clientId, status: "denied" }]);
    const call = write(ada, api.approvals.decide, {
      session,
      approval: asked.clientId,
      status: "pending",
      content: [],
    });
    expect(await refused(call)).toMatchObject({ code: "Invalid" });
  });

  test("that are pending are shown whatever came after them", async () => {
    const asked = approval();
    await upsert(asked);
    for (let n = 0; n < 30; n += 1) await upsert(approval({ status: "allowed" }));
    const shown = await open();
    expect(shown.map(({ clientId }) => clientId)).toContain(asked.clientId);
    expect(shown).toHaveLength(21);
  });
});

describe("transcripts", () => {
  const place = { claudeSessionId: "c", projectKey: "-home-ada", subpath: "" };
  const chunk = (more: Partial<ChunkInput> = {}): ChunkInput => ({
    chunkId: newId(),
    count: 2,
    data: bytes(10),
    ...more,
  });
  const append = (chunks: ChunkInput[], more: Partial<typeof place> & { summary?: string } = {}) =>
    write(ada, api.transcripts.append, { session, ...place, chunks, ...more });
  const load = (more: object = {}) =>
    ada.query(api.transcripts.load, { session, claudeSessionId: "c", ...more });

  test("keep each chunk once, in the order of arrival (S2)", async () => {
    const [one, two, three] = [chunk(), chunk(), chunk()];
    await append([one, two]);
    expect((await append([two, three, three])).seqs.map(({ seq }) => seq)).toEqual([2, 3, 3]);
    const { chunks } = await load();
    expect(chunks.map(({ chunkId }) => chunkId)).toEqual([one, two, three].map((c) => c.chunkId));
  });

  test("are loaded in pages, which end where they get large", async () => {
    for (let n = 0; n < 9; n += 1) await append([chunk({ data: bytes(700_000) })]);
    const seen: number[] = [];
    for (let more = true; more; ) {
      const page = await load({ after: seen.at(-1) ?? 0 });
      expect(page.chunks.length).toBeLessThan(7);
      seen.push(...page.chunks.map(({ seq }) => seq));
      ({ more } = page);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("are found without their project: the one written last", async () => {
    vi.useFakeTimers();
    await append([chunk()], { projectKey: "p1" });
    vi.advanceTimersByTime(10);
    await append([chunk(), chunk()], { projectKey: "p2" });
    expect(await load()).toMatchObject({ projectKey: "p2", chunks: [{ seq: 1 }, { seq: 2 }] });
    vi.advanceTimersByTime(10);
    await append([chunk()], { projectKey: "p1" });
    expect((await load()).projectKey).toBe("p1");
    expect((await load({ projectKey: "p2" })).chunks).toHaveLength(2);
    expect(await load({ subpath: "none" })).toEqual({ projectKey: null, chunks: [], more: false });
  });

  test("are listed by project, with their summaries, and by their subagents", async () => {
    await append([chunk()], { summary: "{}" });
    await append([chunk()], { subpath: "agents/1" });
    await append([chunk()], { subpath: "agents/2", projectKey: "other" });
    const heads = await ada.query(api.transcripts.list, { projectKey: place.projectKey });
    expect(heads).toMatchObject([{ session, ...place, nextSeq: 2, summary: "{}" }]);
    expect(await ada.query(api.transcripts.heads, { claudeSessionId: "c" })).toHaveLength(3);
    const keys = (projectKey?: string) =>
      ada.query(api.transcripts.subkeys, {
        claudeSessionId: "c",
        ...(projectKey === undefined ? {} : { projectKey }),
      });
    expect(await keys()).toEqual(["agents/1", "agents/2"]);
    expect(await keys(place.projectKey)).toEqual(["agents/1"]);
  });

  test("are deleted with their chunks, alone or with their subagents'", async () => {
    vi.useFakeTimers();
    await append(Array.from({ length: 150 }, () => chunk()));
    await append([chunk()], { subpath: "agents/1" });
    const remove = async (more: object) => {
      await write(ada, api.transcripts.remove, { session, claudeSessionId: "c", ...more });
      await finishJobs(backend);
      return (await everything(backend)).transcripts?.length;
    };
    expect(await remove({ subpath: "agents/1" })).toBe(150);
    expect(await remove({})).toBe(0);
    await append([chunk()]);
    expect((await load()).chunks).toMatchObject([{ seq: 1 }]);
  });

  test("are deleted however many subagents they have, and none that is written anew", async () => {
    vi.useFakeTimers();
    for (let n = 0; n < 501; n++) await append([chunk()], { subpath: `agents/${n}` });
    vi.setSystemTime(Date.now() + 60_000);
    await write(ada, api.transcripts.remove, { session, claudeSessionId: "c" });
    vi.setSystemTime(Date.now() + 60_000);
    await append([chunk()], { subpath: "new" });
    await finishJobs(backend);
    const { transcripts, transcriptHeads } = await everything(backend);
    expect(transcriptHeads).toMatchObject([{ subpath: "new" }]);
    expect(transcripts).toHaveLength(1);
  });

  test("with a chunk that fits no document, or has no data, are refused", async () => {
    const big = chunk({ data: bytes(1024 * 1024) });
    expect(await refused(append([big]))).toMatchObject({ code: "TooLarge", clientId: big.chunkId });
    const { data, ...empty } = chunk();
    expect(await refused(append([empty]))).toMatchObject({ code: "Invalid" });
    expect(await ada.query(api.transcripts.heads, { claudeSessionId: "c" })).toEqual([]);
  });
});

describe("files", () => {
  const mediaType = "application/octet-stream";
  const stored = async () => (await everything(backend))._storage?.length;

  async function save(data: ArrayBuffer, more: object = {}) {
    const storageId = await upload(backend, data);
    const sha256 = await sha256Of(data);
    const size = data.byteLength;
    return await write(ada, api.files.save, {
      session,
      storageId,
      sha256,
      size,
      mediaType,
      ...more,
    });
  }

  test("hold what is too large for a document, and a message refers to it", async () => {
    const data = bytes(3 * 1024 * 1024);
    const sha256 = await sha256Of(data);
    const large = message("", { content: [], file: sha256 });
    const send = () => write(ada, api.messages.append, { session, messages: [large] });
    expect(await refused(send())).toMatchObject({ code: "Invalid", clientId: large.clientId });
    await save(data);
    await send();
    expect(await ada.query(api.files.get, { session, sha256 })).toMatchObject({
      size: data.byteLength,
      mediaType,
      url: expect.stringContaining("/api/storage/"),
    });
    expect(await ada.query(api.files.get, { session, sha256: "0".repeat(64) })).toBeNull();
  });

  test("saved twice are kept once (S2)", async () => {
    await save(bytes(100));
    await save(bytes(100));
    const rows = await everything(backend);
    expect([rows.files?.length, rows._storage?.length]).toEqual([1, 1]);
  });

  test("that are not what was sent are refused", async () => {
    expect(await refused(save(bytes(100), { size: 99 }))).toMatchObject({ code: "Invalid" });
    const sha256 = "0".repeat(64);
    expect(await refused(save(bytes(100), { sha256 }))).toMatchObject({ code: "Invalid" });
  });

  test("that nobody took are swept after a day, the others never", async () => {
    const now = Date.now();
    vi.useFakeTimers({ now });
    for (let n = 0; n < 120; n += 1) await upload(backend, bytes(1));
    await save(bytes(100));
    const sweep = async () => {
      await backend.mutation(internal.sweeps.uploads, {});
      await finishJobs(backend);
    };
    await sweep();
    expect(await stored()).toBe(121);
    vi.setSystemTime(now + 25 * 3_600_000);
    await upload(backend, bytes(1));
    await sweep();
    expect(await stored()).toBe(2);
    expect(
      await ada.query(api.files.get, { session, sha256: await sha256Of(bytes(100)) }),
    ).toBeTruthy();
  });
});

describe("the export", () => {
  test("walks through all that a session has, each thing once", async () => {
    const names = await makeWorld(backend, ada);
    const more = Array.from({ length: 250 }, () => message());
    await write(ada, api.messages.append, { session: names.session, messages: more });
    const counts: Record<string, number> = {};
    const seen = new Set<unknown>();
    let cursor: string | null = "session:";
    while (cursor !== null) {
      const args: { session: string; cursor: string } = { session: names.session, cursor };
      const page = await ada.query(api.export.page, args);
      const { kind, rows } = page.part;
      counts[kind] = (counts[kind] ?? 0) + rows.length;
      if (page.part.kind === "messages") for (const row of page.part.rows) seen.add(row.clientId);
      cursor = page.cursor;
    }
    expect(counts).toEqual({
      session: 1,
      members: 1,
      messages: 252,
      todos: 1,
      approvals: 1,
      transcripts: 2,
      chunks: 2,
      files: 1,
    });
    expect(seen.size).toBe(252);
    const call = ada.query(api.export.page, { session, cursor: "elsewhere:" });
    expect(await refused(call)).toMatchObject({ code: "Invalid" });
  });
});
