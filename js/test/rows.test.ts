import { describe, expect, test } from "vitest";
import { call, live, message, returned, snapshot, text } from "../dev/mock";
import { Rows } from "../src/rows";
import { fromSnapshot, prepend, reduce } from "../src/state";
import type { Message } from "../src/wire";
import { dice } from "./helpers";

const shape = (rows: ReturnType<Rows["update"]>) =>
  rows.map((row) => [row.id, ...row.inner.map((each) => each.id)]);

describe("rows", () => {
  test("hold results with their call, and a subagent's messages with the call that began it", () => {
    const messages = [
      message("user", [text("go")], { client_id: "a" }),
      message("assistant", [call("u-1", "Task", {})], { client_id: "b" }),
      message("assistant", [call("u-2", "Bash", {})], {
        client_id: "c",
        parent_tool_use_id: "u-1",
      }),
      message("tool", [returned("u-2", "x")], { client_id: "d", parent_tool_use_id: "u-1" }),
      message("assistant", [text("meanwhile")], { client_id: "e" }),
      message("tool", [returned("u-1", "y")], { client_id: "f" }),
    ];
    const { entries } = fromSnapshot(snapshot({ messages }));
    expect(shape(new Rows().update(entries))).toEqual([["a"], ["b", "c", "d", "f"], ["e"]]);
  });

  test("hold a result of several calls in each of their rows", () => {
    const messages = [
      message("assistant", [call("u-1", "Read", {})], { client_id: "a" }),
      message("assistant", [call("u-2", "Read", {})], { client_id: "b" }),
      message("tool", [returned("u-1", ""), returned("u-2", "")], { client_id: "c" }),
    ];
    const { entries } = fromSnapshot(snapshot({ messages }));
    expect(shape(new Rows().update(entries))).toEqual([
      ["a", "c"],
      ["b", "c"],
    ]);
  });

  test("take a result in once its call is loaded above it", () => {
    const rows = new Rows();
    const before = fromSnapshot(
      snapshot({ messages: [message("tool", [returned("u-1", "x")], { client_id: "b" })] }),
    );
    expect(shape(rows.update(before.entries))).toEqual([["b"]]);
    const whole = prepend(
      before,
      [message("assistant", [call("u-1", "Read", {})], { client_id: "a" })],
      false,
    );
    expect(shape(rows.update(whole.entries))).toEqual([["a", "b"]]);
  });

  test("say which of them is still being written", () => {
    const rows = new Rows();
    const state = fromSnapshot(snapshot({ live: [live(1, text("a"))] }));
    expect(rows.update(state.entries).map((row) => row.live)).toEqual([true]);
    const closed = reduce(state, { type: "close", k: 1, block: null, drop: false });
    expect(rows.update(closed.entries).map((row) => row.live)).toEqual([false]);
  });

  test("are the same whether the entries came at once or one by one", () => {
    const random = dice(7);
    for (let round = 0; round < 30; round++) {
      const messages: Message[] = [];
      const calls: string[] = [];
      for (let at = 0; at < 40; at++) {
        const id = calls[Math.floor(random() * calls.length)];
        const kind = random();
        if (kind < 0.4 || !id) {
          messages.push(
            message("assistant", [call(`u-${calls.push(`u-${calls.length}`) - 1}`, "X", {})]),
          );
        } else if (kind < 0.7) messages.push(message("tool", [returned(id, "")]));
        else messages.push(message("assistant", [text("t")], { parent_tool_use_id: id }));
      }
      const rows = new Rows();
      let state = fromSnapshot(snapshot());
      for (const each of messages) {
        state = reduce(state, { type: "message", message: each });
        rows.update(state.entries);
      }
      expect(shape(rows.update(state.entries))).toEqual(shape(new Rows().update(state.entries)));
    }
  });
});
