/** Claude's to-do list: its states moving, by agent, with a count of what is done. */

import { button, h, setText } from "./dom";
import { plural } from "./format";
import { icon } from "./icons";
import { recall, remember } from "./memory";
import { callIn, type State } from "./state";
import { TodoRows, todoText } from "./todolist";
import type { Todo } from "./wire";

/** More done ones than this are folded away, the latest excepted. */
const DONE_SHOWN = 5;
const FOLDED = "todos-folded";

/** How the kernel keys them (messages.py). */
function isPast(todo: Todo): boolean {
  return todo.key.startsWith("past/");
}

interface Group {
  el: HTMLElement;
  name: HTMLElement;
  more: HTMLButtonElement;
  list: TodoRows;
  whole: boolean;
}

export class Todos {
  readonly el: HTMLDetailsElement;
  private readonly count = h("span", { class: "ipc-muted ipc-todo-count" });
  private readonly now = h("span", { class: "ipc-todo-now" });
  private readonly bar = h("progress", { "aria-label": "To-dos done", max: "1", value: "0" });
  private readonly body = h("div");
  /** What was done and is no longer on Claude's list. */
  private readonly past = h("details", { class: "ipc-fold", "data-ipc": "todos-past" });
  private readonly pastWords = h("span", { class: "ipc-muted" });
  private readonly pastRows = new TodoRows();
  private readonly groups = new Map<string | null, Group>();
  private drawn: readonly Todo[] | null = null;

  /** `alone` says that the view is nothing else: then an empty list says so. */
  constructor(private readonly alone = false) {
    this.el = h(
      "details",
      { class: "ipc-fold ipc-todo-panel", "data-ipc": "todos", hidden: !alone },
      h(
        "summary",
        {},
        icon("chevron"),
        icon("list"),
        h("span", {}, "To-dos"),
        this.count,
        this.now,
        this.bar,
      ),
      h("div", { class: "ipc-todo-groups" }, this.body, this.past),
    );
    this.past.append(h("summary", {}, icon("chevron"), this.pastWords), this.pastRows.el);
    this.el.open = alone || recall(FOLDED) === "";
    if (!alone) this.el.addEventListener("toggle", () => this.keep());
  }

  draw(state: State): void {
    const { todos } = state;
    if (todos === this.drawn) return;
    this.drawn = todos;
    this.el.hidden = !todos.length && !this.alone;
    const now = todos.filter((each) => !isPast(each));
    const done = now.filter((each) => each.status === "completed").length;
    setText(this.count, now.length ? `${done} of ${now.length}` : "none yet");
    const active = todos.find((each) => each.status === "in_progress");
    setText(this.now, active ? todoText(active) : "");
    this.bar.max = Math.max(1, now.length);
    this.bar.value = done;
    this.el.dataset.state = done === now.length ? "done" : "open";
    this.drawGroups(state, now);
    const past = todos.filter(isPast);
    this.past.hidden = !past.length;
    setText(this.pastWords, `${plural(past.length, "to-do")} done before`);
    this.pastRows.draw(past);
  }

  private keep(): void {
    remember(FOLDED, this.el.open ? "" : "yes");
  }

  private drawGroups(state: State, todos: readonly Todo[]): void {
    const byAgent = new Map<string | null, Todo[]>();
    for (const todo of todos) {
      const own = byAgent.get(todo.parent_tool_use_id) ?? [];
      byAgent.set(todo.parent_tool_use_id, [...own, todo]);
    }
    for (const [agent, group] of this.groups) {
      if (byAgent.has(agent)) continue;
      group.el.remove();
      this.groups.delete(agent);
    }
    for (const [agent, todos] of byAgent) {
      const group = this.groups.get(agent) ?? this.makeGroup(agent);
      const what = agent === null ? "" : callIn(state, agent)?.input?.description;
      setText(group.name, `Subagent${typeof what === "string" ? `: ${what}` : ""}`);
      this.drawGroup(group, todos);
    }
  }

  private drawGroup(group: Group, todos: readonly Todo[]): void {
    const done = todos.filter((each) => each.status === "completed");
    const old = new Set(group.whole ? [] : done.slice(0, -DONE_SHOWN));
    group.more.hidden = !old.size;
    setText(group.more, `Show ${old.size} more that are done`);
    group.more.onclick = () => {
      group.whole = true;
      this.drawGroup(group, todos);
    };
    group.list.draw(todos.filter((each) => !old.has(each)));
  }

  private makeGroup(agent: string | null): Group {
    const list = new TodoRows();
    const name = h("div", { class: "ipc-label", hidden: agent === null });
    const more = button("todos-more", "Show more done", () => undefined);
    const el = h("div", { class: "ipc-todo-group", "data-ipc": "todo-group" }, name, more, list.el);
    const group = { el, name, more, list, whole: false };
    this.groups.set(agent, group);
    this.body.append(el);
    return group;
  }
}
