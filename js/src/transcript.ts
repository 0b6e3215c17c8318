/** The message list: draws what changed, follows the end, loads older messages. */

import { ToolCards } from "./blocks/cards";
import { button, h, setText } from "./dom";
import { EntryView } from "./entry";
import { icon } from "./icons";
import type { Page } from "./page";
import type { Entry, State } from "./state";

/** So near to the end (px) the list follows it. */
const NEAR_END = 40;
/** So near to the start (px) older messages are asked for. */
const NEAR_START = 80;
/** A scroll so soon (ms) after the reader touched the list is the reader's. */
const READER_MS = 500;

export class Transcript {
  readonly el: HTMLElement;
  private readonly log = h("div", {
    class: "ipc-log",
    role: "log",
    "aria-live": "polite",
    "aria-label": "Conversation with Claude",
    "data-ipc": "log",
  });
  private readonly olderButton: HTMLButtonElement;
  private readonly latest: HTMLButtonElement;
  private readonly empty = h("div", { class: "ipc-empty-note" });
  private readonly tools = new ToolCards();
  private readonly views = new Map<string, EntryView>();
  private entries: readonly Entry[] = [];
  private session: string | null | undefined;
  private following = true;
  private loading = false;
  private touchedAt = Number.NEGATIVE_INFINITY;
  private readonly resized: ResizeObserver | null;

  constructor(private readonly page: Page) {
    this.olderButton = button("older", "Show older messages", () => void this.older());
    this.latest = button("latest", "Go to the latest", () => this.toEnd(), icon("down"));
    this.el = h(
      "div",
      { class: "ipc-scroll", "data-ipc": "scroll", tabindex: "-1", scroll: () => this.scrolled() },
      this.olderButton,
      this.empty,
      this.log,
      this.latest,
    );
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.el.addEventListener(name, this.touched, { passive: true });
    }
    this.latest.hidden = true;
    // What is drawn late (images, what was out of sight) and panels that open move the end.
    this.resized =
      typeof ResizeObserver === "undefined" || page.kind === "turn"
        ? null
        : new ResizeObserver(() => this.following && this.toEnd());
    this.resized?.observe(this.el);
    this.resized?.observe(this.log);
  }

  destroy(): void {
    this.resized?.disconnect();
  }

  atEnd(): boolean {
    return this.following;
  }

  draw(state: State): void {
    const shown = this.page.kind === "turn" ? ofTurn(state) : state.entries;
    const session = state.session?.client_id;
    if (session !== this.session) this.clear(session);
    if (shown !== this.entries) this.reconcile(shown, state);
    else this.grow(state);
    this.entries = shown;
    this.tools.approvals(state.approvals);
    if (state.turn && !running(state)) this.tools.settle();
    this.dress(state);
    if (this.following) this.toEnd();
  }

  private dress(state: State): void {
    this.olderButton.hidden = !state.more || this.page.kind === "turn";
    const nothing = !state.entries.length && this.page.kind === "chat";
    this.empty.hidden = !nothing;
    if (nothing) setText(this.empty, state.ready ? "Ask Claude something." : "Loading…");
  }

  private clear(session: string | undefined): void {
    this.session = session;
    this.views.clear();
    this.log.replaceChildren();
    this.entries = [];
    this.following = true;
    this.tools.prune();
  }

  private grow(state: State): void {
    for (const live of state.live.values()) {
      const entry = this.entries.findLast((each) => each.k === live.k);
      if (entry) this.views.get(entry.id)?.update(entry, live);
    }
  }

  /** Bring the page in line with the entries: keep what stays, add and take away the rest. */
  private reconcile(entries: readonly Entry[], state: State): void {
    const height = this.el.scrollHeight;
    const grewUp = this.entries.length > 0 && entries[0] !== this.entries[0];
    const gone = new Set(this.views.keys());
    const before = new Set(this.entries);
    const cursors = new Map<HTMLElement, Element | null>();
    for (const entry of entries) {
      gone.delete(entry.id);
      const view = this.views.get(entry.id) ?? this.make(entry);
      if (!before.has(entry) || entry.k !== null) {
        view.update(entry, entry.k === null ? undefined : state.live.get(entry.k));
      }
      this.place(view.el, this.tools.get(entry.parent)?.children ?? this.log, cursors);
    }
    for (const id of gone) {
      this.views.get(id)?.el.remove();
      this.views.delete(id);
    }
    if (gone.size) this.tools.prune();
    // What was added above must not move what is being read.
    if (grewUp && !this.following) this.el.scrollTop += this.el.scrollHeight - height;
  }

  private make(entry: Entry): EntryView {
    const view = new EntryView(entry.id, this.tools);
    this.views.set(entry.id, view);
    return view;
  }

  private place(
    el: HTMLElement,
    parent: HTMLElement,
    cursors: Map<HTMLElement, Element | null>,
  ): void {
    const last = cursors.get(parent);
    const next = last ? last.nextElementSibling : parent.firstElementChild;
    if (next !== el) parent.insertBefore(el, next);
    cursors.set(parent, el);
  }

  private readonly touched = (): void => {
    this.touchedAt = Date.now();
  };

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.el;
    // Only a reader leaves the end; that the end moved away is no wish to stay behind.
    const byReader = Date.now() - this.touchedAt < READER_MS;
    if (byReader) this.touchedAt = Date.now();
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.following = true;
    else if (byReader) this.following = false;
    else if (this.following) this.toEnd();
    this.latest.hidden = this.following;
    if (scrollTop < NEAR_START && !this.olderButton.hidden && !this.following) void this.older();
  }

  private toEnd(): void {
    this.following = true;
    this.latest.hidden = true;
    if (this.page.kind === "turn") return;
    this.el.scrollTop = this.el.scrollHeight;
  }

  private async older(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.following = false;
    setText(this.olderButton, "Loading…");
    try {
      await this.page.older();
      setText(this.olderButton, "Show older messages");
    } catch (error) {
      setText(this.olderButton, `${(error as Error).message} Try again`);
    }
    this.loading = false;
  }
}

export function running(state: State): boolean {
  return state.turn?.status === "running" || state.turn?.status === "waiting";
}

const filtered = new WeakMap<readonly Entry[], { id: string; entries: readonly Entry[] }>();

/** A cell shows its turn's answer: the prompt stands in the cell, the result line below. */
function ofTurn(state: State): readonly Entry[] {
  const id = state.turn?.turn_id ?? "";
  const known = filtered.get(state.entries);
  if (known?.id === id) return known.entries;
  const entries = state.entries.filter(
    (each) => (!id || each.turnId === id) && each.message?.type !== "user" && !isResult(each),
  );
  filtered.set(state.entries, { id, entries });
  return entries;
}

function isResult(entry: Entry): boolean {
  return entry.message?.type === "result";
}
