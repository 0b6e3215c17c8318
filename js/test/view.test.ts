import { describe, expect, test, vi } from "vitest";
import { live, MockModel, message, result, status, text, turn } from "../dev/mock";
import { REPLY_MS } from "../src/channel";
import widget from "../src/widget";
import { all, frame, one, ready, show } from "./helpers";

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

describe("a prompt", () => {
  test("of somebody else names them, and one's own nobody", async () => {
    const mine = message("user", [text("mine")]);
    const theirs = message("user", [text("theirs")], { author: "Ana <b>Lopez</b>" });
    const { el } = await ready({ messages: [mine, theirs] });
    const [first, second] = all(el, "message") as [HTMLElement, HTMLElement];
    expect(all(first, "author")).toEqual([]);
    expect(one(second, "author").textContent).toBe("Ana <b>Lopez</b>");
    expect(second.getAttribute("aria-label")).toBe("Ana <b>Lopez</b>");
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

  test("a failed turn is read out with what went wrong and what to do", async () => {
    const { model, el } = await ready({ turn: turn() });
    const notice = {
      type: "notice",
      level: "error",
      kind: "",
      what: "The API is down.",
      why: "529",
      fix: "Ask again later.",
    } as const;
    model.events(
      { type: "message", message: message("system", [notice]) },
      { type: "turn", turn: turn({ status: "failed" }) },
    );
    await frame();
    expect(one(el, "announcer").textContent).toBe(
      "The turn failed. The API is down. Ask again later.",
    );
  });
});
