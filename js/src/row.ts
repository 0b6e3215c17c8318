/** A row of the transcript: one message with what belongs inside it, and what can be done with it. */

import { actionsFor, type Doing } from "./actions";
import { ToolCards } from "./blocks/cards";
import { h } from "./dom";
import { EntryView } from "./entry";
import type { Row } from "./rows";
import { type Entry, running, type State } from "./state";

export class RowView {
  readonly el: HTMLElement;
  private readonly tools = new ToolCards();
  private readonly main: EntryView;
  private readonly inner = new Map<string, EntryView>();
  private actions: HTMLElement | null = null;
  private row: Row | null = null;

  constructor(
    row: Row,
    private readonly doing: Doing,
  ) {
    this.main = new EntryView(row.id, this.tools);
    this.el = h("div", { class: "ipc-slot" }, this.main.el);
  }

  /** Draw what changed since the last call. */
  update(row: Row, state: State): void {
    if (row !== this.row || row.live) {
      this.main.update(row.entry, liveOf(row.entry, state));
      for (const entry of row.inner) this.drawInner(entry, state);
      if (row.inner.length < this.inner.size) this.prune(row);
      this.el.classList.toggle("ipc-hollow", Boolean(this.main.el.hidden));
    }
    const first = this.row === null || this.row.entry !== row.entry;
    this.row = row;
    this.tools.approvals(state.approvals);
    this.tools.todos(state.todos);
    this.tools.printed(state.printed);
    const over = !running(state) || state.turn?.turn_id !== row.entry.turnId;
    if (state.turn && over) this.tools.settle();
    else if (state.turn) this.tools.resume();
    if (first) this.dress(row);
  }

  /** Say which of how many this is. */
  number(at: number, count: number): void {
    this.main.el.setAttribute("aria-posinset", `${at + 1}`);
    this.main.el.setAttribute("aria-setsize", `${count}`);
  }

  /** Show a reader who was brought here where that is. */
  flash(): void {
    this.el.classList.remove("ipc-flash");
    // The animation starts over only if the class was seen to be gone.
    void this.el.offsetWidth;
    this.el.classList.add("ipc-flash");
    this.main.el.tabIndex = -1;
    this.main.el.focus({ preventScroll: true });
  }

  private drawInner(entry: Entry, state: State): void {
    let view = this.inner.get(entry.id);
    if (!view) {
      view = new EntryView(entry.id, this.tools);
      this.inner.set(entry.id, view);
    }
    view.update(entry, liveOf(entry, state));
    const home = this.tools.get(entry.parent)?.children ?? this.el;
    if (view.el.parentElement !== home) home.append(view.el);
  }

  private prune(row: Row): void {
    const ids = new Set(row.inner.map((each) => each.id));
    for (const [id, view] of this.inner) {
      if (ids.has(id)) continue;
      view.el.remove();
      this.inner.delete(id);
    }
  }

  private dress(row: Row): void {
    const actions = row.entry.message ? actionsFor(row.entry.message, this.doing) : null;
    this.actions?.remove();
    this.actions = actions;
    if (actions) this.main.el.append(actions);
  }
}

function liveOf(entry: Entry, state: State) {
  return entry.k === null ? undefined : state.live.get(entry.k);
}
