/** A list of to-dos whose rows stay in their places while their states move. */

import { h, setText } from "./dom";
import type { Todo } from "./wire";

const SIGNS = { pending: "○", in_progress: "◐", completed: "✓" } as const;
const WORDS = { pending: "to do", in_progress: "in progress", completed: "done" } as const;

interface Row {
  el: HTMLElement;
  sign: HTMLElement;
  text: HTMLElement;
  priority: HTMLElement;
  word: HTMLElement;
}

/** What a to-do says: while it is worked on, what is being done. */
export function todoText(todo: Todo): string {
  return (todo.status === "in_progress" && todo.active_form) || todo.content;
}

export class TodoRows {
  readonly el = h("ul", { class: "ipc-todos" });
  private readonly rows = new Map<string, Row>();

  draw(todos: readonly Todo[]): void {
    const keys = new Set(todos.map((each) => each.key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.el.remove();
      this.rows.delete(key);
    }
    todos.forEach((todo, at) => {
      const { el } = this.row(todo);
      if (this.el.children[at] !== el) this.el.insertBefore(el, this.el.children[at] ?? null);
    });
  }

  private row(todo: Todo): Row {
    const row = this.rows.get(todo.key) ?? makeRow();
    this.rows.set(todo.key, row);
    row.el.dataset.state = todo.status;
    setText(row.sign, SIGNS[todo.status] ?? "○");
    setText(row.word, `, ${WORDS[todo.status] ?? todo.status}`);
    setText(row.text, todoText(todo));
    const urgent = todo.priority && todo.priority !== "medium" ? todo.priority : "";
    setText(row.priority, urgent);
    row.priority.hidden = !urgent;
    row.priority.dataset.state = urgent;
    return row;
  }
}

function makeRow(): Row {
  const sign = h("span", { class: "ipc-sign", "aria-hidden": "true" });
  const text = h("span", { class: "ipc-todo-text" });
  const priority = h("span", { class: "ipc-chip", "data-ipc": "priority" });
  const word = h("span", { class: "ipc-offscreen" });
  const el = h("li", { class: "ipc-todo", "data-ipc": "todo" }, sign, text, priority, word);
  return { el, sign, text, priority, word };
}
