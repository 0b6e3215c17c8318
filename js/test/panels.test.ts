import { describe, expect, test, vi } from "vitest";
import { message, result, session, status, text, turn } from "../dev/mock";
import { UNDO } from "../src/sessions";
import type { ArchiveSession, Find as FindRequest } from "../src/wire";
import { all, frame, last, one, press, ready } from "./helpers";

describe("the panels", () => {
  test("sessions are listed, searched, opened and made", async () => {
    const { model, el } = await ready();
    const rows = [session(), session({ client_id: "s-2", name: "titanic" })];
    model.answers.sessions = () => ({
      sessions: rows,
      current: "s-1",
      replicates: false,
      waiting: {},
    });
    model.answers.open_session = () => null;
    one(el, "sessions").click();
    await frame();
    expect(
      all(el, "session").map((each) => each.ariaCurrent ?? each.getAttribute("aria-current")),
    ).toEqual(["true", "false"]);
    const search = one<HTMLInputElement>(el, "session-search");
    search.value = "tit";
    search.dispatchEvent(new Event("input"));
    await vi.advanceTimersByTimeAsync(250);
    expect(last(model)).toMatchObject({ type: "sessions", query: "tit" });
    all(el, "session")[1]?.click();
    await frame();
    expect(last(model)).toMatchObject({ type: "open_session", session_id: "s-2" });
    expect(one(el, "session-panel").hidden).toBe(true);
  });

  test("the list says where a session was last active, who works in it and what has yet to go", async () => {
    const { model, el } = await ready();
    const rows = [
      session({ server: "lab-2" }),
      session({ client_id: "s-2", local: true }),
      session({ client_id: "s-3", holder: "71@attic/9/x", holder_expires_at: Date.now() + 9_000 }),
    ];
    model.answers.sessions = () => ({
      sessions: rows,
      current: "s-1",
      replicates: true,
      waiting: { "s-3": 4 },
    });
    model.answers.fork = () => null;
    one(el, "sessions").click();
    await frame();
    const said = all(el, "session").map((each) => each.textContent);
    expect(said[0]).toContain("5 min ago on lab-2");
    expect(said[2]).toContain("somebody works in it on attic");
    expect(all(el, "session-sync").map((each) => each.textContent)).toEqual([
      "synced",
      "only here",
      "4 to sync",
    ]);
    all(el, "fork-session")[1]?.click();
    await frame();
    expect(last(model)).toMatchObject({ type: "fork", session_id: "s-2", at: null });
    expect(one(el, "session-panel").hidden).toBe(true);
  });

  test("somebody is let in by a code, to read or to write; others' sessions say whose they are", async () => {
    const { model, el } = await ready();
    const rows = [session(), session({ client_id: "s-2", role: "viewer", owner: "Ann" })];
    model.answers.sessions = () => ({
      sessions: rows,
      current: "s-1",
      replicates: true,
      waiting: {},
    });
    model.answers.share = () => ({ line: "%claude_session join ABC", until: "Friday" });
    one(el, "sessions").click();
    await frame();
    expect(all(el, "session")[1]?.textContent).toContain("Ann's · you may read");
    one(el, "share-session").click();
    const role = one<HTMLSelectElement>(el, "share-role");
    expect(document.activeElement).toBe(role);
    role.value = "editor";
    one(el, "share-make").click();
    expect(last(model)).toMatchObject({ type: "share", session_id: "s-1", role: "editor" });
    await frame();
    expect(one(el, "share-line").textContent).toContain("%claude_session join ABC");
    expect(document.activeElement).toBe(one(one(el, "share-line"), "copy"));
    one(el, "share-session").click();
    expect(all(el, "share-form")).toEqual([]);
  });

  test("remembered permissions can be seen and revoked (S12)", async () => {
    const { model, el } = await ready();
    const rule = { client_id: "r", pattern: "Bash(ls:*)", behavior: "allow", session_id: null };
    model.answers.rules = () => ({ rules: [rule] });
    model.answers.revoke = () => ({ rules: [] });
    one(el, "settings").click();
    await frame();
    expect(one(el, "rule").textContent).toContain("Bash(ls:*)");
    one(el, "revoke").focus();
    one(el, "revoke").click();
    await frame();
    expect(last(model)).toMatchObject({ type: "revoke", rule_id: "r" });
    expect(all(el, "rule")).toEqual([]);
    expect(document.activeElement).toBe(one(el, "settings-panel"));
  });

  test("a session is renamed, put away, and deleted unless that is undone", async () => {
    const { model, el } = await ready();
    const rows = [session(), session({ client_id: "s-2", name: "titanic" })];
    model.answers.sessions = () => ({
      sessions: rows,
      current: "s-1",
      replicates: false,
      waiting: {},
    });
    for (const each of ["rename_session", "archive_session", "delete_session"] as const) {
      model.answers[each] = () => null;
    }
    const asked = (type: string) => model.sent.filter((each) => each.type === type);
    one(el, "sessions").click();
    await frame();
    press(all(el, "session")[1] as HTMLElement, "F2");
    const field = one<HTMLInputElement>(el, "session-name");
    field.value = "iceberg";
    press(field, "Enter");
    await frame();
    expect(asked("rename_session")[0]).toMatchObject({ session_id: "s-2", name: "iceberg" });
    all(el, "archive-session")[0]?.click();
    await frame();
    expect(asked("archive_session")[0]).toMatchObject({ session_id: "s-1", archived: true });
    all(el, "delete-session")[1]?.click();
    one(el, "undo").click();
    await vi.advanceTimersByTimeAsync(UNDO * 2);
    expect(asked("delete_session")).toEqual([]);
    press(all(el, "session")[1] as HTMLElement, "Delete");
    await vi.advanceTimersByTimeAsync(UNDO + 10);
    expect(asked("delete_session")).toMatchObject([{ session_id: "s-2" }]);
    one<HTMLInputElement>(el, "archived-too").click();
    await frame();
    expect(last(model)).toMatchObject({ type: "sessions", archived: true });
  });

  test("what the list is asked to do leaves the focus in it, and can be undone", async () => {
    const { model, el } = await ready();
    let rows = [session(), session({ client_id: "s-2", name: "titanic" })];
    const kept = { current: "s-1", replicates: false, waiting: {} };
    model.answers.sessions = () => ({ ...kept, sessions: rows });
    model.answers.rename_session = () => null;
    model.answers.archive_session = (request) => {
      const { session_id: id, archived } = request as ArchiveSession;
      rows = archived
        ? rows.filter((each) => each.client_id !== id)
        : [...rows, session({ client_id: id })];
      return null;
    };
    const focused = () => document.activeElement as HTMLElement;
    one(el, "sessions").click();
    await frame();
    const second = all(el, "session")[1] as HTMLElement;
    second.focus();
    press(second, "F2");
    press(one(el, "session-name"), "Enter");
    await frame();
    expect(focused().dataset.id).toBe("s-2");
    expect(focused()).not.toBe(second);
    all(el, "archive-session")[1]?.focus();
    all(el, "archive-session")[1]?.click();
    await frame();
    expect(all(el, "session")).toHaveLength(1);
    expect(focused()).toBe(one(el, "undo"));
    focused().click();
    await frame();
    expect(last(model)).toMatchObject({ type: "sessions" });
    expect(focused().dataset.id).toBe("s-2");
    press(focused(), "Delete");
    // Whatever else draws the list anew: it does not come back before it is gone.
    one<HTMLInputElement>(el, "archived-too").click();
    await frame();
    expect(all(el, "session")[1]?.closest("li")?.hidden).toBe(true);
    one(el, "undo").click();
    expect(all(el, "session")[1]?.closest("li")?.hidden).toBe(false);
    press(focused(), "Escape");
    expect(focused()).toBe(one(el, "sessions"));
  });

  test("a panel takes the focus, and Esc closes it from its button, too", async () => {
    const { model, el } = await ready();
    model.answers.rules = () => ({ rules: [] });
    const opener = one(el, "settings");
    opener.click();
    await frame();
    expect(document.activeElement).toBe(one(el, "settings-panel"));
    opener.focus();
    press(opener, "Escape");
    expect(one(el, "settings-panel").hidden).toBe(true);
  });

  test("the context window's use is shown, and nothing where it is not known", async () => {
    const { model, el } = await ready({ turn: turn({ status: "done", result: result() }) });
    expect(one(el, "context").textContent).toBe("24 %");
    expect(one(el, "context").title).toContain("48.0k of 200k tokens");
    const unknown = result({ context_tokens: 0 });
    model.events({ type: "turn", turn: turn({ status: "done", result: unknown }) });
    await frame();
    expect(one(el, "context").hidden).toBe(true);
  });

  test("what the session used stands behind its cost, by day and in total", async () => {
    const { model, el } = await ready();
    const day = { turns: 2, input_tokens: 12_000, output_tokens: 800, cost_usd: 0.02 };
    model.answers.usage = () => ({
      days: [
        { ...day, day: "2026-11-25" },
        { ...day, day: "2026-11-24", turns: 1 },
      ],
    });
    expect(one(el, "usage").textContent).toContain("$0.042");
    one(el, "usage").click();
    await frame();
    const rows = [...one(el, "used").querySelectorAll("tr")];
    expect(rows[0]?.textContent).toBe("TurnsTokens inTokens outCost");
    expect(rows.at(-1)?.textContent).toBe("In total324.0k1.6k$0.040");
    expect(rows).toHaveLength(4);
  });

  test("the state line always says how saving goes", async () => {
    const { model, el } = await ready({ status: status({ sync: "offline", waiting: 3 }) });
    expect(one(el, "state-line").textContent).toContain("Offline, 3 waiting");
    model.events({ type: "status", status: status({ sync: "refused", detail: "quota reached" }) });
    await frame();
    expect(one(el, "state-line").textContent).toContain("Not synced: quota reached");
  });

  test("the state line says the same all through a turn, however much has yet to go", async () => {
    const said = new Set<string | null>();
    const { model, el } = await ready({ status: status({ sync: "sending", server: "lab" }) });
    for (const waiting of [0, 3, 1]) {
      model.events({ type: "status", status: status({ sync: "sending", waiting, server: "lab" }) });
      await frame();
      said.add(one(el, "state-line").querySelector("[role=status]")?.textContent ?? null);
    }
    expect([...said]).toEqual(["Syncing… (lab)"]);
    model.events({ type: "status", status: status({ sync: "waiting", waiting: 0 }) });
    await frame();
    expect(one(el, "state-line").textContent).toContain("Signing in…");
  });
});

describe("company", () => {
  const holder = { name: "Ann", label: "lab-2", since: new Date(2026, 0, 1, 12, 3).getTime() };
  const person = (name: string, me = false) => ({ name, label: `${name}'s lab`, watching: me, me });

  test("is named where there is any, and a few of many", async () => {
    const { model, el } = await ready();
    expect([one(el, "people").hidden, one(el, "holder").hidden]).toEqual([true, true]);
    const people = [person("Ann"), person("me", true), person("Cy"), person("Di")];
    model.events({ type: "status", status: status({ people }) });
    await frame();
    expect(one(el, "people").textContent).toBe("Ann, me's lab and 2 more");
    expect(one(el, "people").title).toContain("Ann on Ann's lab; me's lab, watching");
    model.events({ type: "status", status: status({ people: people.slice(0, 1) }) });
    await frame();
    expect(one(el, "people").textContent).toBe("Ann on Ann's lab");
  });

  test("that writes can be taken over by the owner, who is asked first", async () => {
    const { model, el } = await ready({
      status: status({ holder: { ...holder, mine: false }, may_take_over: true }),
    });
    model.answers.take_over = () => null;
    expect(one(el, "holder").textContent).toMatch(/^Ann on lab-2 writes, since 12:03/);
    const take = one(el, "take-over");
    take.click();
    expect(take.textContent).toBe("Yes, end their turn");
    expect(last(model)?.type).toBe("hello");
    take.click();
    expect(last(model)?.type).toBe("take_over");
    model.events({ type: "status", status: status({ holder: { ...holder, mine: true } }) });
    await frame();
    expect(one(el, "holder").textContent).toContain("lab-2 writes");
    expect(take.hidden).toBe(true);
  });
});

describe("finding", () => {
  test("prompts are listed, words are sought, and a hit that is far up is loaded", async () => {
    const { model, el } = await ready({ messages: [message("user", [text("late")])], more: true });
    const early = message("user", [text("early")]);
    const found = [{ id: early.client_id, type: "user", timestamp: 0, snippet: "an «early» bird" }];
    model.answers.find = () => ({ found });
    model.answers.older = () => ({ messages: [early], more: false });
    one(el, "find").click();
    await frame();
    expect(last(model)).toMatchObject({ type: "find", query: "" });
    const field = one<HTMLInputElement>(el, "find-field");
    field.value = "early";
    field.dispatchEvent(new Event("input"));
    await vi.advanceTimersByTimeAsync(250);
    expect(last(model)).toMatchObject({ type: "find", query: "early" });
    expect(one(el, "found").querySelector("mark")?.textContent).toBe("early");
    expect(one(el, "found-more").hidden).toBe(true);
    press(field, "Enter");
    await frame();
    expect(all(el, "message").map((each) => each.textContent?.trim())).toEqual(["early", "late"]);
    expect(document.activeElement).toBe(all(el, "message")[0]);
    expect(one(el, "find-panel").hidden).toBe(true);
  });

  test("more of many hits are shown when asked for, and the focus goes to the first", async () => {
    const { model, el } = await ready();
    const hit = (id: number) => ({
      id: `m-${id}`,
      type: "user",
      timestamp: 0,
      snippet: `hit ${id}`,
    });
    const hits = Array.from({ length: 70 }, (_, at) => hit(at));
    model.answers.find = (request) => {
      const { offset, limit } = request as FindRequest;
      return { found: hits.slice(offset, offset + limit) };
    };
    one(el, "find").click();
    await frame();
    expect(all(el, "found")).toHaveLength(50);
    one(el, "found-more").click();
    await frame();
    expect(all(el, "found")).toHaveLength(70);
    expect(document.activeElement).toBe(all(el, "found")[50]);
    expect(one(el, "found-more").hidden).toBe(true);
  });
});

describe("replication", () => {
  test("offers to send a session that is only here, and no other", async () => {
    const { model, el } = await ready({ status: status({ can_sync: true }) });
    const send = one(el, "sync") as HTMLButtonElement;
    expect(send.hidden).toBe(false);
    model.answers.sync_session = () => status({ sync: "waiting", waiting: 3 });
    send.click();
    await frame();
    expect(last(model)?.type).toBe("sync_session");
    expect(send.hidden).toBe(true);
    expect(one(el, "state-line").textContent).toContain("3 waiting to sync");
  });

  test("says why a turn goes on without the other servers", async () => {
    const alone = "Convex can't be reached.";
    const { model, el } = await ready({ status: status({ sync: "offline", alone }) });
    expect(one(el, "state-line").textContent).toContain(`Working alone: ${alone}`);
    model.events({ type: "status", status: status({ sync: "synced" }) });
    await frame();
    expect(one(el, "state-line").textContent).not.toContain("alone");
  });

  test("says why a session could not be sent", async () => {
    const { model, el } = await ready({ status: status({ can_sync: true }) });
    model.answers.sync_session = () => {
      throw new Error("It is locked.");
    };
    one(el, "sync").click();
    await frame();
    expect(one(el, "sync-failure").textContent).toContain("It is locked.");
    expect((one(el, "sync") as HTMLButtonElement).disabled).toBe(false);
  });

  test("has nothing to write with where it only watches", async () => {
    const { model, el } = await ready({}, "watch");
    expect(all(el, "composer")).toHaveLength(0);
    expect(all(el, "sessions")).toHaveLength(0);
    model.events({ type: "message", message: message("assistant", [text("from afar")]) });
    await frame();
    expect(one(el, "message").textContent).toContain("from afar");
  });
});
