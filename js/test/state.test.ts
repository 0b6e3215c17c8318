import { describe, expect, test } from "vitest";
import { live, message, snapshot, text } from "../dev/mock";
import { Rope } from "../src/rope";
import { EMPTY, fromSnapshot, prepend, reduce, type State, trim } from "../src/state";
import type { ContentBlock, WireEvent } from "../src/wire";

const fold = (state: State, ...events: WireEvent[]): State => events.reduce(reduce, state);
const start = fromSnapshot(snapshot());
const contents = (state: State) => state.entries.map((each) => each.message?.content);

describe("the reducer", () => {
  test("turns an opened, grown and closed block into one message", () => {
    const state = fold(
      start,
      { type: "open", live: live(1, text("He")) },
      { type: "d", k: 1, s: "llo" },
      { type: "d", k: 1, s: "!" },
      { type: "close", k: 1, block: null, drop: false },
    );
    expect(contents(state)).toEqual([[{ type: "text", text: "Hello!" }]]);
    expect(state.entries[0]?.id).toBe("live-1");
    expect(state.live.size).toBe(0);
  });

  test("keeps thinking that was streamed", () => {
    const thinking: ContentBlock = {
      type: "thinking",
      thinking: "",
      signature: "",
      duration_ms: null,
    };
    const state = fold(
      start,
      { type: "open", live: live(1, thinking) },
      { type: "d", k: 1, s: "hm" },
      { type: "close", k: 1, block: null, drop: false },
    );
    expect(contents(state)).toEqual([[{ ...thinking, thinking: "hm" }]]);
  });

  test("takes the final block where it is not what was streamed", () => {
    const state = fold(
      start,
      { type: "open", live: live(1, text("draft")) },
      { type: "close", k: 1, block: text("final"), drop: false },
    );
    expect(contents(state)).toEqual([[text("final")]]);
  });

  test("drops a block of which nothing was kept", () => {
    const state = fold(
      start,
      { type: "open", live: live(1, text("")) },
      { type: "close", k: 1, block: null, drop: true },
    );
    expect(state.entries).toEqual([]);
    expect(state.live.size).toBe(0);
  });

  test("replaces a message of the same id in its place (S2)", () => {
    const first = message("assistant", [text("a")]);
    const second = message("assistant", [text("b")]);
    const again = { ...first, content: [text("a2")] };
    const state = fold(
      start,
      { type: "message", message: first },
      { type: "message", message: second },
      { type: "message", message: again },
    );
    expect(contents(state)).toEqual([[text("a2")], [text("b")]]);
  });

  test("keeps blocks that grow at the same time apart", () => {
    const state = fold(
      start,
      { type: "open", live: live(1, text("")) },
      { type: "open", live: live(2, text("")) },
      { type: "d", k: 2, s: "two" },
      { type: "d", k: 1, s: "one" },
      { type: "close", k: 2, block: null, drop: false },
      { type: "close", k: 1, block: null, drop: false },
    );
    expect(contents(state)).toEqual([[text("one")], [text("two")]]);
  });

  test("is pure: an older state says what it said", () => {
    const before = fold(
      start,
      { type: "open", live: live(1, text("")) },
      { type: "d", k: 1, s: "a" },
    );
    const one = fold(before, { type: "d", k: 1, s: "b" });
    const two = fold(before, { type: "d", k: 1, s: "c" });
    const said = [before, one, two].map((each) => each.live.get(1)?.text.toString());
    expect(said).toEqual(["a", "ab", "ac"]);
  });

  test("lets an event of a kind that it doesn't know be (S7)", () => {
    expect(reduce(start, { type: "hologram" } as unknown as WireEvent)).toBe(start);
    expect(reduce(start, { type: "d", k: 9, s: "x" })).toBe(start);
  });

  test("shows a message that a snapshot holds both saved and live once", () => {
    const saved = message("assistant", [text("a")], { client_id: "live-1" });
    const state = fromSnapshot(snapshot({ messages: [saved], live: [live(1, text("a"))] }));
    expect(state.entries).toHaveLength(1);
  });

  test("adds older messages once, and lets go of what is far above", () => {
    const messages = Array.from({ length: 6 }, (_, at) => message("user", [text(`${at}`)]));
    const late = fromSnapshot(snapshot({ messages: messages.slice(3), more: true }));
    const whole = prepend(late, messages.slice(0, 4), false);
    expect(whole.entries.map((each) => each.id)).toEqual(messages.map((each) => each.client_id));
    expect(whole.more).toBe(false);
    const short = trim(whole, 2);
    expect(short.entries).toHaveLength(2);
    expect(short.more).toBe(true);
  });

  test("knows nothing before the first snapshot", () => {
    expect(EMPTY.ready).toBe(false);
  });
});

test("a rope tells growth from another text", () => {
  const rope = Rope.of("a");
  const grown = rope.append("b").append("c");
  expect(grown.grewFrom(rope)).toBe(true);
  expect(grown.since(rope.count)).toBe("bc");
  expect(Rope.of("abc").grewFrom(rope)).toBe(false);
});
