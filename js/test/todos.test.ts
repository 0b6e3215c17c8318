import { describe, expect, test } from "vitest";
import { TODOS } from "../dev/scenes";
import { all, frame, one, ready } from "./helpers";

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

  test("that were done before stand folded below, and count no more", async () => {
    const past = { ...TODOS[0], key: "past/0", content: "Find the file" } as (typeof TODOS)[0];
    const { el } = await ready({ todos: [...TODOS, past] });
    expect(one(el, "todos").querySelector(".ipc-todo-count")?.textContent).toBe("1 of 3");
    const fold = one<HTMLDetailsElement>(el, "todos-past");
    expect([fold.hidden, fold.open]).toEqual([false, false]);
    expect(fold.textContent).toContain("1 to-do done before");
    expect(all(fold, "todo").map((each) => each.dataset.state)).toEqual(["completed"]);
    expect(one((await ready({ todos: TODOS })).el, "todos-past").hidden).toBe(true);
  });
});
