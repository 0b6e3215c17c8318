import { describe, expect, test, vi } from "vitest";
import { message, result, session, status, text, turn } from "../dev/mock";
import { UNDO } from "../src/sessions";
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

  test("remembered permissions can be seen and revoked (S12)", async () => {
    const { model, el } = await ready();
    const rule = { client_id: "r", pattern: "Bash(ls:*)", behavior: "allow", session_id: null };
    model.answers.rules = () => ({ rules: [rule] });
    model.answers.revoke = () => ({ rules: [] });
    one(el, "settings").click();
    await frame();
    expect(one(el, "rule").textContent).toContain("Bash(ls:*)");
    one(el, "revoke").click();
    await frame();
    expect(last(model)).toMatchObject({ type: "revoke", rule_id: "r" });
    expect(all(el, "rule")).toEqual([]);
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
    one(el, "undo-delete").click();
    await vi.advanceTimersByTimeAsync(UNDO * 2);
    expect(asked("delete_session")).toEqual([]);
    press(all(el, "session")[1] as HTMLElement, "Delete");
    await vi.advanceTimersByTimeAsync(UNDO + 10);
    expect(asked("delete_session")).toMatchObject([{ session_id: "s-2" }]);
    one<HTMLInputElement>(el, "archived-too").click();
    await frame();
    expect(last(model)).toMatchObject({ type: "sessions", archived: true });
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

  test("the state line always says how saving goes", async () => {
    const { model, el } = await ready({ status: status({ sync: "offline", waiting: 3 }) });
    expect(one(el, "state-line").textContent).toContain("Offline, 3 waiting");
    model.events({ type: "status", status: status({ sync: "refused", detail: "quota reached" }) });
    await frame();
    expect(one(el, "state-line").textContent).toContain("Not synced: quota reached");
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
    press(field, "Enter");
    await frame();
    expect(all(el, "message").map((each) => each.textContent?.trim())).toEqual(["early", "late"]);
    expect(document.activeElement).toBe(all(el, "message")[0]);
    expect(one(el, "find-panel").hidden).toBe(true);
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
