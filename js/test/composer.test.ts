import { describe, expect, test, vi } from "vitest";
import { MockModel, message, session, status, text, turn } from "../dev/mock";
import { REPLY_MS } from "../src/channel";
import type { Prompt } from "../src/wire";
import { all, frame, last, one, press, ready, show } from "./helpers";

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
    model.events({
      type: "queue",
      queued: [{ id: "q", text: "next", held: false, telling: false }],
    });
    await frame();
    expect(one(el, "queued").textContent).toContain("next");
    one(el, "send-now").click();
    expect(last(model)).toMatchObject({ type: "send_now", queued_id: "q" });
    model.answers.unqueue = () => null;
    one<HTMLTextAreaElement>(el, "composer").value = "a thought";
    one(el, "unqueue").click();
    expect(last(model)).toMatchObject({ type: "unqueue", queued_id: "q" });
    await frame();
    expect(one<HTMLTextAreaElement>(el, "composer").value).toBe("a thought\n\nnext");
    expect(document.activeElement).toBe(one(el, "composer"));
    model.events({
      type: "queue",
      queued: [{ id: "q", text: "next", held: true, telling: false }],
    });
    await frame();
    expect(one(el, "queued").textContent).toContain("held");
  });

  test("tells Claude at once what is sent with Ctrl, or from the queue", async () => {
    const { model, el, area, type, prompts } = await composer({ turn: turn() });
    type("look left");
    press(area, "Enter", { ctrlKey: true });
    expect(prompts()).toMatchObject([{ text: "look left", steer: true }]);
    const waits = { id: "q", text: "later", held: false, telling: false };
    model.events({ type: "queue", queued: [waits] });
    await frame();
    one(el, "tell-now").click();
    expect(last(model)).toMatchObject({ type: "tell_now", queued_id: "q" });
    model.events({ type: "queue", queued: [{ ...waits, telling: true }] });
    await frame();
    expect(one(el, "queued").dataset.state).toBe("telling");
    expect(all(el, "tell-now")).toEqual([]);
    const idle = await composer();
    idle.type("hello");
    press(idle.area, "Enter", { ctrlKey: true });
    expect(idle.prompts()).toMatchObject([{ steer: false }]);
  });

  test("an at sign offers the notebook's cells; one that is taken goes along", async () => {
    const outputs = [{ text: ["3\n"] }, { traceback: ["\u001b[31mNameError\u001b[0m"] }];
    const made = (id: string, cell_type: string, source: string) => ({
      id,
      cell_type,
      getSource: () => source,
      setSource: () => undefined,
    });
    const cells = [made("c-1", "markdown", "# Birds"), made("c-2", "code", "birds = 3\nbirds")];
    const models = [
      { id: "c-1" },
      { id: "c-2", executionCount: 3, outputs: { toJSON: () => outputs } },
    ];
    const model = new MockModel("chat");
    const context = {
      model: {
        cells: { get: (at: number) => models[at] },
        sharedModel: { cells, insertCell: vi.fn() },
      },
    };
    Object.assign(model, { widget_manager: { context } });
    model.answers.suggest = () => ({ suggestions: [] });
    const { el } = show(model);
    model.snapshot();
    await frame();
    const area = one<HTMLTextAreaElement>(el, "composer");
    area.value = "why @bird";
    area.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.advanceTimersByTimeAsync(200);
    expect(last(model)).toMatchObject({ type: "suggest", cells: false });
    expect(all(el, "suggestion").map((each) => each.textContent)).toEqual([
      "birds = 3cell [3]",
      "# Birdscell #0",
    ]);
    press(area, "Enter");
    expect(area.value).toBe("why cell [3] ");
    expect(one(el, "upload").textContent).toContain("cell [3]");
    press(area, "Enter");
    const prompt = last(model) as Prompt;
    expect(atob(prompt.uploads[0]?.data ?? "")).toBe(
      "code cell, id c-2\nbirds = 3\nbirds\nIt shows:\n3\nNameError",
    );
  });

  test("is shut for a reader of somebody's session, who can go on in a copy", async () => {
    const { model, el, area } = await composer({
      session: session({ role: "viewer", owner: "Ann" }),
    });
    expect(area.disabled).toBe(true);
    expect(el.querySelector(".ipc-hint")?.textContent).toContain("Ann shared this session");
    model.answers.fork = () => null;
    one(el, "fork-whole").click();
    expect(last(model)).toMatchObject({ type: "fork", at: null });
    model.events({ type: "session", session: session({ role: "editor", owner: "Ann" }) });
    await frame();
    expect([area.disabled, one(el, "fork-whole").hidden]).toEqual([false, true]);
    model.events({ type: "session", session: session({ role: "none", owner: "Ann" }) });
    await frame();
    expect(el.querySelector(".ipc-hint")?.textContent).toContain("not shared with you any more");
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
    type("/compact");
    await vi.advanceTimersByTimeAsync(200);
    press(area, "ArrowUp");
    press(area, "Enter");
    expect(last(model)).toMatchObject({ type: "prompt", text: "/compact" });
    expect(one(el, "suggestions").hidden).toBe(true);
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
