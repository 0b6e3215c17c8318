/** Claude's to-do list, its states moving, with a count of what is done. */

import { h, setText } from "./dom";
import { icon } from "./icons";
import type { State } from "./state";
import type { Todo } from "./wire";

const SIGNS = { pending: "○", in_progress: "◐", completed: "✓" } as const;
const WORDS = { pending: "to do", in_progress: "in progress", completed: "done" } as const;

interface Row {
  el: HTMLElement;
  sign: HTMLElement;
  text: HTMLElement;
  word: HTMLElement;
}

export class Todos {
  readonly el: HTMLDetailsElement;
  private readonly count = h("span", { class: "ipc-muted" });
  private readonly bar = h("progress", { "aria-label": "To-dos done", max: "1", value: "0" });
  private readonly list = h("ul", { class: "ipc-todos" });
  private readonly rows = new Map<string, Row>();
  private drawn: readonly Todo[] | null = null;

  constructor() {
    this.el = h(
      "details",
      { class: "ipc-fold ipc-todo-panel", "data-ipc": "todos", open: true, hidden: true },
      h("summary", {}, icon("chevron"), icon("list"), "To-dos", this.count, this.bar),
      this.list,
    );
  }

  draw({ todos }: State): void {
    if (todos === this.drawn) return;
    this.drawn = todos;
    this.el.hidden = !todos.length;
    const done = todos.filter((each) => each.status === "completed").length;
    setText(this.count, `${done} of ${todos.length}`);
    this.bar.max = Math.max(1, todos.length);
    this.bar.value = done;
    this.el.dataset.state = done === todos.length ? "done" : "open";
    const keys = new Set(todos.map((each) => each.key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.el.remove();
      this.rows.delete(key);
    }
    todos.forEach((todo, at) => {
      const row = this.row(todo);
      if (this.list.children[at] !== row.el) {
        this.list.insertBefore(row.el, this.list.children[at] ?? null);
      }
    });
  }

  private row(todo: Todo): Row {
    const row = this.rows.get(todo.key) ?? makeRow();
    this.rows.set(todo.key, row);
    row.el.dataset.state = todo.status;
    row.el.classList.toggle("ipc-nested", todo.parent_tool_use_id !== null);
    setText(row.sign, SIGNS[todo.status] ?? "○");
    setText(row.word, `, ${WORDS[todo.status] ?? todo.status}`);
    const active = todo.status === "in_progress" && todo.active_form;
    setText(row.text, active || todo.content);
    return row;
  }
}

function makeRow(): Row {
  const sign = h("span", { class: "ipc-sign", "aria-hidden": "true" });
  const text = h("span", { class: "ipc-todo-text" });
  const word = h("span", { class: "ipc-offscreen" });
  return {
    el: h("li", { class: "ipc-todo", "data-ipc": "todo" }, sign, text, word),
    sign,
    text,
    word,
  };
}
