import { describe, expect, test, vi } from "vitest";
import { MockModel } from "../dev/mock";
import { AGAIN_MS, Channel, REPLY_MS, RequestError } from "../src/channel";
import "./helpers";

function open(model = new MockModel()) {
  const hearers = { snapshot: vi.fn(), events: vi.fn(), cells: vi.fn(), alive: vi.fn() };
  return { model, hearers, channel: new Channel(model, hearers) };
}

describe("requests", () => {
  test("each gets its own reply, in whatever order they come", async () => {
    const { model, channel } = open();
    const first = channel.request({ type: "prompt", text: "a", uploads: [], steer: false });
    const second = channel.request({ type: "prompt", text: "b", uploads: [], steer: false });
    const [a, b] = model.sent;
    model.receive({ type: "reply", id: b?.id ?? "", result: { turn_id: "B" }, error: null });
    model.receive({ type: "reply", id: a?.id ?? "", result: { turn_id: "A" }, error: null });
    expect(await first).toEqual({ turn_id: "A" });
    expect(await second).toEqual({ turn_id: "B" });
    expect(a?.id).not.toBe(b?.id);
  });

  test("two views' ids never meet", () => {
    const { model, channel } = open();
    const other = new Channel(model, {
      snapshot: vi.fn(),
      events: vi.fn(),
      cells: vi.fn(),
      alive: vi.fn(),
    });
    channel.request({ type: "stop" }).catch(() => undefined);
    other.request({ type: "stop" }).catch(() => undefined);
    expect(new Set(model.sent.map((each) => each.id)).size).toBe(2);
  });

  test("a refusal is an error for a person", async () => {
    const { model, channel } = open();
    const asked = channel.request({ type: "stop" });
    const error = { what: "Nothing runs.", why: "It ended.", fix: "Ask again." };
    model.receive({ type: "reply", id: model.sent[0]?.id ?? "", result: null, error });
    await expect(asked).rejects.toThrow("Nothing runs. It ended. Ask again.");
  });

  test("no reply in time is said in words, and a late message revives the channel", async () => {
    const { model, hearers, channel } = open();
    const asked = channel.request({ type: "stop" }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(REPLY_MS - 1);
    expect(hearers.alive).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    const error = (await asked) as RequestError;
    expect(error).toBeInstanceOf(RequestError);
    expect(error.silent).toBe(true);
    expect(error.info.what).toBe("The kernel does not answer.");
    expect(hearers.alive).toHaveBeenLastCalledWith(false);
    model.snapshot();
    expect(hearers.alive).toHaveBeenLastCalledWith(true);
  });

  test("a snapshot that a busy shell holds back is asked for again, until one comes", async () => {
    const { model, hearers, channel } = open();
    channel.hello();
    await vi.advanceTimersByTimeAsync(AGAIN_MS * 3);
    expect(model.sent.map((each) => each.type)).toEqual(["hello", "hello", "hello"]);
    model.snapshot();
    await vi.advanceTimersByTimeAsync(REPLY_MS * 3);
    expect(model.sent.length).toBe(3);
    expect(hearers.alive).not.toHaveBeenCalledWith(true);
  });

  test("a request that waits alone, while others are answered, is no dead kernel", async () => {
    const { model, hearers, channel } = open();
    const asked = channel.request({ type: "stop" }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1);
    model.snapshot();
    await vi.advanceTimersByTimeAsync(REPLY_MS);
    expect(await asked).toBeInstanceOf(RequestError);
    expect(hearers.alive).not.toHaveBeenCalled();
  });

  test("a comm that throws is a dead kernel", async () => {
    const { model, hearers, channel } = open();
    model.send = () => {
      throw new Error("Cannot send");
    };
    await expect(channel.request({ type: "stop" })).rejects.toThrow("Cannot send");
    expect(hearers.alive).toHaveBeenLastCalledWith(false);
  });

  test("closing answers what waits and hears nothing more", async () => {
    const { model, hearers, channel } = open();
    const asked = channel.request({ type: "stop" });
    channel.close();
    await expect(asked).rejects.toThrow("closed");
    model.snapshot();
    expect(hearers.snapshot).not.toHaveBeenCalled();
    expect(model.listenerCount).toBe(0);
  });
});

describe("numbered messages", () => {
  const event = { type: "todos", todos: [] } as const;
  const hello = (model: MockModel) => model.sent.filter((each) => each.type === "hello").length;

  test("go on after a snapshot", () => {
    const { model, hearers } = open();
    model.events({ ...event, todos: [] });
    expect(hearers.events).not.toHaveBeenCalled();
    model.snapshot();
    model.events({ ...event, todos: [] });
    model.events({ ...event, todos: [] });
    expect(hearers.events).toHaveBeenCalledTimes(2);
    expect(hello(model)).toBe(0);
  });

  test("a gap asks for one new snapshot, and nothing is folded until it comes", () => {
    const { model, hearers } = open();
    model.snapshot();
    model.skip();
    model.events({ ...event, todos: [] });
    model.events({ ...event, todos: [] });
    expect(hearers.events).not.toHaveBeenCalled();
    expect(hello(model)).toBe(1);
    model.snapshot();
    model.events({ ...event, todos: [] });
    expect(hearers.snapshot).toHaveBeenCalledTimes(2);
    expect(hearers.events).toHaveBeenCalledTimes(1);
  });

  test("a repeat is folded once", () => {
    const { model, hearers } = open();
    model.snapshot();
    model.receive({ type: "events", n: 2, events: [] });
    model.receive({ type: "events", n: 2, events: [] });
    expect(hearers.events).toHaveBeenCalledTimes(1);
    expect(hello(model)).toBe(0);
  });

  test("a lone delta comes small, and counts like any other", () => {
    const { model, hearers } = open();
    model.snapshot();
    model.receive({ type: "d", n: 2, k: 1, s: "word" });
    model.receive({ type: "events", n: 3, events: [] });
    expect(hearers.events).toHaveBeenNthCalledWith(1, {
      type: "events",
      n: 2,
      events: [{ type: "d", k: 1, s: "word" }],
    });
    expect(hello(model)).toBe(0);
  });
});
