/** The members of a session: what each knows of the others, has, and may change. */
import { describe, expect, test } from "vitest";
import { api } from "../../convex/_generated/api";
import { info, type Person, write } from "./backend";
import { ada, backend, get, send, session, tail } from "./shared";
import { makeWorld, share } from "./world";

describe("members", () => {
  test("know each other by name; the addresses only the owner knows", async () => {
    const { person, userId } = await share(backend, ada, session, "viewer", "Vic");
    const members = await ada.query(api.sharing.members, { session });
    expect(members).toMatchObject([
      { name: "Ada", role: "owner", me: true },
      { member: userId, name: "Vic", role: "viewer", me: false, email: "Vic@test" },
    ]);
    const seen = await person.query(api.sharing.members, { session });
    expect(seen.map(({ name, me }) => [name, me])).toEqual([
      ["Ada", false],
      ["Vic", true],
    ]);
    expect(JSON.stringify(seen)).not.toContain("@");
  });

  test("see who wrote what", async () => {
    const { person } = await share(backend, ada, session, "editor", "Edd");
    await send(ada);
    await send(person, "x", { authorId: "Ada" });
    const authors = async (who: Person) => (await tail(who)).messages.map(({ author }) => author);
    expect(await authors(ada)).toEqual([
      { name: "Ada", me: true },
      { name: "Edd", me: false },
    ]);
    expect(await authors(person)).toEqual([
      { name: "Ada", me: false },
      { name: "Edd", me: true },
    ]);
  });

  test("have its files, memory and all in the export", async () => {
    const world = await makeWorld(backend, ada);
    const { person } = await share(backend, ada, world.session, "viewer");
    const { claudeSessionId, sha256, projectKey } = world;
    const ask = { session: world.session };
    expect(await person.query(api.transcripts.heads, { claudeSessionId })).toEqual(
      await ada.query(api.transcripts.heads, { claudeSessionId }),
    );
    expect(await person.query(api.transcripts.subkeys, { claudeSessionId, projectKey })).toEqual([
      "agents/one",
    ]);
    const loaded = await person.query(api.transcripts.load, { ...ask, claudeSessionId });
    expect(loaded.chunks).toHaveLength(1);
    expect(await person.query(api.files.get, { ...ask, sha256 })).toMatchObject({ size: 64 });
    const [all, theirs] = [
      await exported(ada, world.session),
      await exported(person, world.session),
    ];
    expect(theirs.map(({ kind }) => kind)).toEqual(all.map(({ kind }) => kind));
    expect(theirs.find(({ kind }) => kind === "messages")?.rows).toHaveLength(2);
    expect(JSON.stringify(all)).toContain("viewer@test");
    expect(JSON.stringify(theirs)).not.toContain("viewer@test");
  });

  test("that edit change what is said, not where the owner has it", async () => {
    const { person } = await share(backend, ada, session, "editor");
    const place = { cwd: "/home/ada/project", notebook: "a.ipynb", gitRemote: "git@a" };
    await write(ada, api.sessions.patch, { session, patch: place });
    const elsewhere = {
      cwd: "/",
      notebook: null,
      gitRemote: "git@e",
      workspace: "/e",
      origin: "e",
    };
    const patch = { ...elsewhere, title: "Penguins", model: "m" };
    await write(person, api.sessions.patch, { session, patch });
    const whole = info({ clientId: session, cwd: "/e", name: "renamed", archivedAt: 5 });
    const { session: row } = await write(person, api.messages.append, {
      session,
      info: { ...whole, title: "Penguins" },
      patch: elsewhere,
      messages: [],
    });
    expect(row).toMatchObject({ ...place, name: "renamed", title: "Penguins", archivedAt: 5 });
    const seen = await get(ada);
    expect(seen).toMatchObject({ ...place, name: "renamed" });
    expect([seen?.archivedAt, seen?.origin, seen?.workspace]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const paths = (await ada.query(api.workspaces.list, {})).map(({ path }) => path);
    expect(paths).toEqual(["/home/ada/project"]);
  });
});

interface Part {
  kind: string;
  rows: unknown[];
}

async function exported(who: Person, session: string): Promise<Part[]> {
  const parts: Part[] = [];
  let cursor: string | null = "session:";
  while (cursor !== null) {
    const page: { part: Part; cursor: string | null } = await who.query(api.export.page, {
      session,
      cursor,
    });
    parts.push(page.part);
    cursor = page.cursor;
  }
  return parts;
}
