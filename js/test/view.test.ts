import { describe, expect, test, vi } from "vitest";
import {
  approval,
  call,
  live,
  MockModel,
  message,
  result,
  returned,
  session,
  status,
  text,
  turn,
} from "../dev/mock";
import { TODOS } from "../dev/scenes";
import { REPLY_MS } from "../src/channel";
import { UNDO } from "../src/sessions";
import widget from "../src/widget";
import { all, frame, one, press, show } from "./helpers";

const last = (model: MockModel) => model.sent.at(-1);

async function ready(part: Parameters<MockModel["snapshot"]>[0] = {}, kind?: "turn" | "watch") {
  const shown = show(new MockModel(kind ?? "chat"));
  shown.model.snapshot(part);
  await frame();
  return shown;
}

describe("a view", () => {
  test("says hello when it is rendered", () => {
    expect(show().model.sent.map((each) => each.type)).toEqual(["hello"]);
  });

  test("leaves no listener, timer or element behind", async () => {
    const model = new MockModel();
    const added: string[] = [];
    const removed: string[] = [];
    vi.spyOn(document, "addEventListener").mockImplementation((name) => void added.push(name));
    vi.spyOn(document, "removeEventListener").mockImplementation((name) => void removed.push(name));
    const made = widget();
    const destroy = made.initialize({ model });
    const el = document.createElement("div");
    const cleanUps = [made.render({ model, el }), made.render({ model, el })];
    model.snapshot({ turn: turn() });
    await frame();
    one(el.firstElementChild as Element, "sessions").click();
    expect(added).toEqual(["pointerdown"]);
    for (const cleanUp of cleanUps) cleanUp();
    expect(el.childElementCount).toBe(0);
    expect(removed).toContain("pointerdown");
    destroy();
    expect(model.listenerCount).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    vi.restoreAllMocks();
  });

  test("is one of several of its model, and outlives the others", async () => {
    const model = new MockModel();
    const made = widget();
    made.initialize({ model });
    const [a, b] = [document.createElement("div"), document.createElement("div")];
    const cleanUp = made.render({ model, el: a });
    const other = made.render({ model, el: b });
    model.snapshot({ messages: [message("assistant", [text("hi")])] });
    await frame();
    expect([a, b].map((each) => one(each, "message").textContent?.trim())).toEqual(["hi", "hi"]);
    cleanUp();
    model.events({ type: "message", message: message("assistant", [text("again")]) });
    await frame();
    expect(all(b, "message")).toHaveLength(2);
    other();
  });

  test("draws a streamed answer as it comes, and keeps its element when it is saved", async () => {
    const { model, el } = await ready({ turn: turn() });
    model.events({ type: "open", live: live(1, text("")) }, { type: "d", k: 1, s: "Hello **wo" });
    await frame();
    const block = one(el, "message");
    expect(block.textContent).toContain("Hello");
    expect(block.getAttribute("aria-busy")).toBe("true");
    model.events(
      { type: "d", k: 1, s: "rld**" },
      { type: "close", k: 1, block: null, drop: false },
    );
    await frame();
    expect(one(el, "message")).toBe(block);
    expect(block.querySelector("strong")?.textContent).toBe("world");
    expect(block.hasAttribute("aria-busy")).toBe(false);
    model.snapshot({
      messages: [message("assistant", [text("Hello **world**")], { client_id: "live-1" })],
    });
    await frame();
    expect(all(el, "message")).toEqual([block]);
  });

  test("goes on with a live block after a resync", async () => {
    const { model, el } = await ready({ live: [live(1, text("One. "))] });
    model.snapshot({ live: [live(1, text("One. Two. "))] });
    model.events({ type: "d", k: 1, s: "Three." });
    await frame();
    expect(one(el, "message").textContent?.trim()).toBe("One. Two. Three.");
  });

  test("is drawn once per frame however much arrives", async () => {
    const { model, el } = await ready({ turn: turn() });
    model.events({ type: "open", live: live(1, text("")) });
    await frame();
    const seen = vi.fn();
    const observer = new MutationObserver(seen);
    observer.observe(one(el, "message"), { childList: true, subtree: true });
    for (let at = 0; at < 50; at++) model.events({ type: "d", k: 1, s: "word " });
    await frame();
    observer.disconnect();
    expect(seen.mock.calls.length).toBeLessThanOrEqual(1);
    expect(one(el, "message").textContent?.match(/word/g)).toHaveLength(50);
  });

  test("keeps the page small in a long session, and asks for what it let go", async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => message("user", [text(`m${at}`)]));
    const { model, el } = await ready({ messages: many(50) });
    for (const each of many(460)) model.events({ type: "message", message: each });
    await frame();
    expect(all(el, "message").length).toBeLessThanOrEqual(500);
    expect(one(el, "older").hidden).toBe(false);
  }, 60_000);

  test("loads older messages above the others", async () => {
    const old = message("user", [text("old")]);
    const { model, el } = await ready({ messages: [message("user", [text("new")])], more: true });
    model.answers.older = () => ({ messages: [old], more: false });
    one(el, "older").click();
    await frame();
    expect(all(el, "message").map((each) => each.textContent?.trim())).toEqual(["old", "new"]);
    expect(one(el, "older").hidden).toBe(true);
  });
});

describe("tool cards", () => {
  test("show a summary, and the folded input and result when opened", async () => {
    const { model, el } = await ready({
      messages: [message("assistant", [call("u", "Bash", { command: "ls -l" })])],
    });
    const card = el.querySelector<HTMLDetailsElement>("[data-tool]") as HTMLDetailsElement;
    expect(card.dataset.state).toBe("running");
    expect(card.querySelector("summary")?.textContent).toContain("ls -l");
    expect(card.open).toBe(false);
    model.events({ type: "message", message: message("tool", [returned("u", "a.txt")]) });
    await frame();
    expect(card.dataset.state).toBe("ok");
    card.open = true;
    card.dispatchEvent(new Event("toggle"));
    expect(card.querySelector(".ipc-output")?.textContent).toBe("a.txt");
    const visible = all(el, "message").filter((each) => !each.hidden);
    expect(visible).toHaveLength(1);
  });

  test("tell an error, a subagent's messages, and a call that got no result", async () => {
    const { el } = await ready({
      turn: turn({ status: "stopped" }),
      messages: [
        message("assistant", [call("bad", "Read", { file_path: "x" })]),
        message("tool", [returned("bad", "no such file", true)]),
        message("assistant", [call("task", "Task", { description: "look" })]),
        message("assistant", [text("inner")], { parent_tool_use_id: "task" }),
      ],
    });
    const cards = [...el.querySelectorAll<HTMLElement>("[data-tool]")];
    expect(cards.map((each) => each.dataset.state)).toEqual(["error", "ended"]);
    expect(cards[1]?.querySelector(".ipc-children")?.textContent?.trim()).toBe("inner");
  });

  test("a result whose call came from an older page goes into its card", async () => {
    const { model, el } = await ready({
      messages: [message("tool", [returned("u", "out")])],
      more: true,
    });
    expect(all(el, "message")[0]?.textContent).toContain("Result of an earlier call");
    model.answers.older = () => ({
      messages: [message("assistant", [call("u", "Bash", { command: "ls" })])],
      more: false,
    });
    one(el, "older").click();
    await frame();
    expect(el.querySelector<HTMLElement>("[data-tool]")?.dataset.state).toBe("ok");
    expect(el.textContent).not.toContain("Result of an earlier call");
  });

  test("a block of an unknown kind is shown whole (S7)", async () => {
    const odd = { type: "hologram", data: 7 } as never;
    const { el } = await ready({
      messages: [message("assistant", [odd, { type: "unknown", raw: { type: "aura" } }])],
    });
    expect(el.textContent).toContain('"hologram"');
    expect(el.textContent).toContain("Block aura");
  });
});

describe("the turn", () => {
  test("shows only its own blocks, its time, and its result in a cell", async () => {
    const { model, el } = await ready(
      {
        turn: turn(),
        messages: [
          message("user", [text("prompt")]),
          message("assistant", [text("mine")]),
          message("assistant", [text("other")], { turn_id: "t-0" }),
        ],
      },
      "turn",
    );
    expect(all(el, "message").map((each) => each.textContent?.trim())).toEqual(["mine"]);
    expect(all(el, "composer")).toEqual([]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(one(el, "elapsed").textContent).toBe("3 s");
    model.events({ type: "turn", turn: turn({ status: "done", result: result() }) });
    await frame();
    expect(one(el, "turn-bar").textContent).toContain(
      "opus-4-5 · 12 s · 14.4k in, 812 out · $0.012",
    );
    expect(one(el, "stop").hidden).toBe(true);
    expect(vi.getTimerCount()).toBe(1); // the hello that this kernel never answered
  });

  test("Stop asks once, and says why if it could not", async () => {
    const { model, el } = await ready({ turn: turn() }, "turn");
    const stop = one<HTMLButtonElement>(el, "stop");
    stop.click();
    stop.click();
    expect(model.sent.filter((each) => each.type === "stop")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(REPLY_MS);
    expect(one(el, "failure").textContent).toContain("The kernel does not answer.");
    expect(stop.disabled).toBe(false);
  });

  test("a script and a stored answer say what they are", async () => {
    const { el } = await ready(
      { turn: turn({ status: "done", stored: true }), status: status({ demo: true }) },
      "turn",
    );
    expect(one(el, "demo").textContent).toBe("Demo script, not Claude");
    expect(one(el, "demo").hidden).toBe(false);
    expect(one(el, "stored").hidden).toBe(false);
  });
});

describe("to-dos", () => {
  test("move through their states in place", async () => {
    const { model, el } = await ready({ todos: TODOS });
    const before = all(el, "todo");
    expect(before.map((each) => each.dataset.state)).toEqual([
      "completed",
      "in_progress",
      "pending",
    ]);
    expect(before[1]?.textContent).toContain("Summarising by species");
    expect(one(el, "todos").textContent).toContain("1 of 3");
    const moved = TODOS.map((each) => ({ ...each, status: "completed" as const }));
    model.events({ type: "todos", todos: [...moved].reverse().slice(0, 2) });
    await frame();
    expect(all(el, "todo")).toEqual([before[2], before[1]]);
    expect(one(el, "todos").textContent).toContain("2 of 2");
  });
});

describe("a permission prompt", () => {
  test("shows the real input whole, and sends the answer that was clicked (S12)", async () => {
    const command = `rm -rf build && ${"x".repeat(3000)} && echo END`;
    for (const [hook, allow, scope, pattern] of [
      ["allow-once", true, "once", ""],
      ["allow-session", true, "session", ""],
      ["allow-always", true, "always", "Bash(rm:*)"],
      ["deny", false, "once", ""],
    ] as const) {
      const asked = approval({ input: { command }, pattern: "Bash(rm:*)" });
      const { model, el } = await ready(
        { approvals: [asked], turn: turn({ status: "waiting" }) },
        "turn",
      );
      expect(one(el, "approval").querySelector("pre")?.textContent).toBe(command);
      const reason = one<HTMLInputElement>(el, "approval-reason");
      reason.value = "not now";
      one(el, hook).click();
      expect(last(model)).toMatchObject({
        type: "decide",
        approval_id: asked.client_id,
        allow,
        scope,
        pattern,
        reason: allow ? "" : "not now",
      });
      expect(one<HTMLButtonElement>(el, hook).disabled).toBe(true);
      const id = last(model)?.id ?? "";
      const stands = { ...asked, status: allow ? ("allowed" as const) : ("denied" as const) };
      model.receive({ type: "reply", id, result: stands, error: null });
      await frame();
      expect(all(el, "approval")).toEqual([]);
    }
  });

  test("can be answered again after a failure", async () => {
    const { model, el } = await ready({ approvals: [approval()] });
    model.answers.decide = () => {
      throw new Error("This question is gone.");
    };
    one(el, "allow-once").click();
    await frame();
    expect(one(one(el, "approval"), "failure").textContent).toContain("This question is gone.");
    expect(one<HTMLButtonElement>(el, "allow-once").disabled).toBe(false);
  });

  test("answered elsewhere, it goes away", async () => {
    const asked = approval();
    const { model, el } = await ready({ approvals: [asked] });
    model.events({ type: "approval", approval: { ...asked, status: "denied" } });
    await frame();
    expect(all(el, "approval")).toEqual([]);
  });

  test("offers no pattern where there is none", async () => {
    const { el } = await ready({ approvals: [approval({ pattern: "" })] });
    expect(all(el, "allow-always")).toEqual([]);
  });
});

describe("the composer", () => {
  async function composer(part = {}) {
    const shown = await ready(part);
    const area = one<HTMLTextAreaElement>(shown.el, "composer");
    const type = (value: string) => {
      area.value = value;
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const prompts = () => shown.model.sent.filter((each) => each.type === "prompt");
    return { ...shown, area, type, prompts };
  }

  test("Enter sends; the text goes once the kernel has it", async () => {
    const { model, area, type, prompts } = await composer();
    model.answers.prompt = () => ({ turn_id: "t" });
    type("hello");
    expect(press(area, "Enter").defaultPrevented).toBe(true);
    expect(prompts()).toMatchObject([{ text: "hello" }]);
    await frame();
    expect(area.value).toBe("");
  });

  test("Shift+Enter breaks the line, and the host never sees a key", async () => {
    const { area, type, prompts } = await composer();
    const host = vi.fn();
    document.body.addEventListener("keydown", host);
    type("hello");
    const event = press(area, "Enter", { shiftKey: true });
    document.body.removeEventListener("keydown", host);
    expect(event.defaultPrevented).toBe(false);
    expect(host).not.toHaveBeenCalled();
    expect(area.closest("[data-lm-suppress-shortcuts]")).not.toBeNull();
    expect(prompts()).toEqual([]);
  });

  test("Enter that ends an input method's composition sends nothing", async () => {
    const { area, type, prompts } = await composer();
    type("日本");
    press(area, "Enter", { isComposing: true });
    press(area, "Enter", { keyCode: 229 });
    expect(prompts()).toEqual([]);
  });

  test("Esc stops a running turn, and does nothing else", async () => {
    const { model, area } = await composer({ turn: turn() });
    press(area, "Escape");
    expect(last(model)?.type).toBe("stop");
    const idle = await composer();
    press(idle.area, "Escape");
    expect(last(idle.model)?.type).toBe("hello");
  });

  test("keeps the draft when the kernel refuses or does not answer, and says so", async () => {
    const { model, el, area, type } = await composer();
    model.answers.prompt = () => {
      throw new Error("Somebody else is writing.");
    };
    type("draft");
    press(area, "Enter");
    await frame();
    expect(area.value).toBe("draft");
    expect(el.textContent).toContain("Somebody else is writing.");
    model.answers = {};
    press(area, "Enter");
    await vi.advanceTimersByTimeAsync(REPLY_MS + 20);
    expect(area.value).toBe("draft");
    expect(el.querySelector(".ipc-hint")?.textContent).toContain("Your text is kept");
    expect(one(el, "state-line").dataset.state).toBe("dead");
  });

  test("sends nothing empty and nothing twice", async () => {
    const { area, type, prompts } = await composer();
    type("  \n ");
    press(area, "Enter");
    type("once");
    press(area, "Enter");
    press(area, "Enter");
    expect(prompts()).toHaveLength(1);
  });

  test("sends while a turn runs too: the prompt waits, can be taken back or sent at once", async () => {
    const { model, el, area, type, prompts } = await composer({ turn: turn() });
    type("next");
    press(area, "Enter");
    expect(prompts()).toHaveLength(1);
    model.events({ type: "queue", queued: [{ id: "q", text: "next", held: false }] });
    await frame();
    expect(one(el, "queued").textContent).toContain("next");
    one(el, "send-now").click();
    expect(last(model)).toMatchObject({ type: "send_now", queued_id: "q" });
    one(el, "unqueue").click();
    expect(last(model)).toMatchObject({ type: "unqueue", queued_id: "q" });
    model.events({ type: "queue", queued: [{ id: "q", text: "next", held: true }] });
    await frame();
    expect(one(el, "queued").textContent).toContain("held");
  });

  test("each session keeps its draft, over a reload too", async () => {
    const first = await composer();
    first.type("half a thou");
    first.model.snapshot({ session: session({ client_id: "s-2" }) });
    await frame();
    expect(first.area.value).toBe("");
    first.cleanUp();
    const again = await composer();
    expect(again.area.value).toBe("half a thou");
    again.type("");
    expect((await composer()).area.value).toBe("");
  });

  test("the arrow up brings back earlier prompts, and down what stood there", async () => {
    const messages = ["one", "two"].map((each) => message("user", [text(each)]));
    const { area, type } = await composer({ messages });
    press(area, "ArrowUp");
    expect(area.value).toBe("two");
    press(area, "ArrowUp");
    expect(area.value).toBe("one");
    press(area, "ArrowUp");
    expect(area.value).toBe("one");
    press(area, "ArrowDown");
    press(area, "ArrowDown");
    expect(area.value).toBe("");
    type("mine");
    press(area, "ArrowUp");
    expect(area.value).toBe("mine");
  });

  test("a slash offers commands, ours and the CLI's; Enter takes one", async () => {
    const { model, el, area, type, prompts } = await composer();
    model.answers.suggest = () => ({
      suggestions: [{ kind: "command", insert: "/compact ", label: "/compact", detail: "" }],
    });
    model.answers.configure = () => status({ permission_mode: "plan" });
    type("/");
    await vi.advanceTimersByTimeAsync(200);
    const labels = all(el, "suggestion").map((each) => each.textContent);
    expect(labels.some((each) => each?.startsWith("/fork"))).toBe(true);
    press(area, "ArrowUp");
    expect(all(el, "suggestion").at(-1)?.getAttribute("aria-selected")).toBe("true");
    expect(area.getAttribute("aria-activedescendant")).toBe(all(el, "suggestion").at(-1)?.id);
    press(area, "Enter");
    expect(area.value).toBe("/compact ");
    type("/pl");
    await vi.advanceTimersByTimeAsync(200);
    press(area, "Enter");
    await frame();
    expect(last(model)).toMatchObject({ type: "configure", permission_mode: "plan" });
    expect(one<HTMLSelectElement>(el, "mode").value).toBe("plan");
    expect(area.value).toBe("");
    expect(prompts()).toEqual([]);
  });

  test("an at sign offers files and variables; Esc closes the list and stops no turn", async () => {
    const { model, el, area, type } = await composer({ turn: turn() });
    model.answers.suggest = () => ({
      suggestions: [{ kind: "file", insert: "@birds.csv ", label: "birds.csv", detail: "" }],
    });
    type("look at @bi");
    await vi.advanceTimersByTimeAsync(200);
    expect(last(model)).toMatchObject({ type: "suggest", sign: "@", query: "bi" });
    press(area, "Escape");
    expect(one(el, "suggestions").hidden).toBe(true);
    expect(last(model)?.type).toBe("suggest");
    type("look at @bir");
    await vi.advanceTimersByTimeAsync(200);
    press(area, "Tab");
    expect(area.value).toBe("look at @birds.csv ");
    type("me@example");
    await vi.advanceTimersByTimeAsync(200);
    expect(one(el, "suggestions").hidden).toBe(true);
  });

  test("model, effort and what Claude may do are chosen beside the text", async () => {
    const { model, el } = await composer();
    model.answers.configure = () => status({ effort: "high" });
    const effort = one<HTMLSelectElement>(el, "effort");
    effort.value = "high";
    effort.dispatchEvent(new Event("change"));
    await frame();
    expect(last(model)).toMatchObject({ type: "configure", effort: "high", model: null });
    expect(effort.value).toBe("high");
    expect(one<HTMLSelectElement>(el, "model").selectedOptions[0]?.textContent).toBe("opus-4-5");
  });
});

describe("the panels", () => {
  test("sessions are listed, searched, opened and made", async () => {
    const { model, el } = await ready();
    const rows = [session(), session({ client_id: "s-2", name: "titanic" })];
    model.answers.sessions = () => ({ sessions: rows, current: "s-1" });
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
    model.answers.sessions = () => ({ sessions: rows, current: "s-1" });
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

describe("what can be done with a message", () => {
  const exchange = () => [
    message("user", [text("How many?")], { turn_id: "t-9" }),
    message("assistant", [text("First **this**.")], { turn_id: "t-9" }),
    message("assistant", [call("u-1", "Bash", { command: "wc" })], { turn_id: "t-9" }),
    message("tool", [returned("u-1", "3")], { turn_id: "t-9" }),
    message("assistant", [text("Three.")], { turn_id: "t-9" }),
    message("result", [result()], { turn_id: "t-9" }),
  ];

  async function copied(click: () => void): Promise<string | undefined> {
    const seen: string[] = [];
    const clipboard = { writeText: async (words: string) => void seen.push(words) };
    vi.stubGlobal("navigator", { ...navigator, clipboard });
    click();
    await frame();
    vi.unstubAllGlobals();
    return seen[0];
  }

  test("the whole answer is copied as Markdown, without tools and thoughts", async () => {
    const { el } = await ready({ messages: exchange() });
    expect(await copied(() => one(el, "copy-answer").click())).toBe("First **this**.\n\nThree.");
  });

  test("a quotation goes into the prompt, below what stands there", async () => {
    const { el } = await ready({ messages: exchange() });
    const area = one<HTMLTextAreaElement>(el, "composer");
    area.value = "About this:";
    all(el, "quote").at(-1)?.click();
    expect(area.value).toBe("About this:\n\n> Three.\n\n");
  });

  test("an edited prompt is sent into a fork; Esc lets it be", async () => {
    const { model, el } = await ready({ messages: exchange() });
    model.answers.resend = () => ({ turn_id: "t-10" });
    const area = one<HTMLTextAreaElement>(el, "composer");
    one(el, "edit").click();
    expect(area.value).toBe("How many?");
    expect(one(el, "editing").hidden).toBe(false);
    press(area, "Escape");
    expect(area.value).toBe("");
    one(el, "edit").click();
    area.value = "How few?";
    area.dispatchEvent(new Event("input"));
    press(area, "Enter");
    await frame();
    expect(last(model)).toMatchObject({
      type: "resend",
      turn: "t-9",
      text: "How few?",
      fork: true,
    });
    expect(one(el, "editing").hidden).toBe(true);
    expect(area.value).toBe("");
  });

  test("a fork and another try are asked of the kernel; a failure is shown", async () => {
    const { model, el } = await ready({ messages: exchange() });
    model.answers.fork = () => null;
    one(el, "fork").click();
    const id = all(el, "message").at(-1)?.dataset.id;
    expect(last(model)).toMatchObject({ type: "fork", at: id });
    model.answers.resend = () => {
      throw new Error("Claude is still working.");
    };
    one(el, "retry").click();
    expect(last(model)).toMatchObject({ type: "resend", turn: "t-9", text: null, fork: false });
    await frame();
    expect(one(el, "deed-failure").textContent).toContain("Claude is still working.");
  });

  test("code goes into a cell below, and is run there, where the host lends its notebook", async () => {
    const cell = (of: { source: string }) => ({ ...of, getSource: () => of.source });
    const cells = [cell({ source: "%claude_session chat" })];
    const outputs: object[] = [];
    const ran: object[] = [];
    let publish: (message: object) => void = () => undefined;
    const kernel = {
      requestExecute: (content: object) => ({
        ran: ran.push(content),
        set onIOPub(hear: (message: object) => void) {
          publish = hear;
        },
        done: Promise.resolve({ content: { execution_count: 7 } }),
      }),
    };
    const made = {
      id: "c",
      executionCount: null,
      outputs: { add: (each: object) => outputs.push(each), clear: () => outputs.splice(0) },
    };
    const model = new MockModel("chat");
    const insertCell = (at: number, of: { source: string }) => cells.splice(at, 0, cell(of));
    const context = {
      model: { cells: { get: () => made }, sharedModel: { cells, insertCell } },
      sessionContext: { session: { kernel } },
    };
    Object.assign(model, { widget_manager: { context } });
    const { el } = show(model);
    model.snapshot({ messages: [message("assistant", [text("```python\nx = 1\n```")])] });
    await frame();
    expect(el.querySelector(".ipc")?.classList.contains("ipc-has-cells")).toBe(true);
    one(el, "insert-code").click();
    expect(cells.at(-1)).toMatchObject({ cell_type: "code", source: "x = 1" });
    one(el, "run-cell").click();
    publish({ header: { msg_type: "stream" }, content: { name: "stdout", text: "hi" } });
    await frame();
    expect(outputs).toEqual([{ name: "stdout", text: "hi", output_type: "stream" }]);
    expect(ran).toMatchObject([{ code: "x = 1" }]);
    expect(made.executionCount).toBe(7);
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
