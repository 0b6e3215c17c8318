/** The message list: draws what changed, follows the end, loads older messages. */

import type { Doing } from "./actions";
import { button, h, setText } from "./dom";
import { plural } from "./format";
import { icon } from "./icons";
import type { Page } from "./page";
import { RowView } from "./row";
import { type Row, Rows } from "./rows";
import { Flow, type Stack, Virtual } from "./stack";
import type { Entry, State } from "./state";

/** So near to the end (px) the list follows it. */
const NEAR_END = 40;
/** So near to the start (in heights of the list) older messages are asked for. */
const NEAR_START = 2;
/** A scroll so soon (ms) after the reader touched the list is the reader's. */
const READER_MS = 500;
/** Messages asked for at once: a first few, more for one who goes on scrolling, most for a jump. */
const PAGES = { first: 50, more: 200, jump: 500 };

export class Transcript {
  readonly el: HTMLElement;
  private readonly log = h("div", {
    class: "ipc-log",
    role: "feed",
    "aria-label": "Conversation with Claude",
    "data-ipc": "log",
  });
  private readonly scroll: HTMLElement;
  private readonly olderButton: HTMLButtonElement;
  private readonly latest: HTMLButtonElement;
  private readonly latestWords = h("span");
  private readonly empty = h("div", { class: "ipc-empty-note" });
  private readonly rows = new Rows();
  private readonly stack: Stack;
  private entries: readonly Entry[] = [];
  private session: string | null | undefined;
  private following = true;
  private unseen = 0;
  private loading = false;
  private loaded = false;
  private scrollTop = 0;
  private touchedAt = Number.NEGATIVE_INFINITY;
  private readonly resized: ResizeObserver | null = null;

  constructor(
    private readonly page: Page,
    doing: Doing,
  ) {
    const chat = page.kind === "chat";
    this.olderButton = button("older", "Show older messages", () => void this.older());
    this.latest = button("latest", "Go to the latest", () => this.goToEnd(), icon("down"));
    this.latest.append(this.latestWords);
    this.latest.hidden = true;
    this.scroll = h(
      "div",
      { class: "ipc-scroll", "data-ipc": "scroll", scroll: () => this.scrolled() },
      this.olderButton,
      this.empty,
      this.log,
    );
    if (chat) this.scroll.tabIndex = 0;
    this.el = h("div", { class: "ipc-transcript" }, this.scroll, this.latest);
    const make = (row: Row) => new RowView(row, doing);
    // Without layout (tests) there is nothing to tell which rows are in sight.
    const virtual = chat && typeof ResizeObserver !== "undefined";
    this.stack = virtual ? new Virtual(this.scroll, this.log, make) : new Flow(this.log, make);
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.el.addEventListener(name, this.touched, { passive: true });
    }
    if (!virtual) return;
    // What is drawn late (images, folds) and panels that open move the end.
    this.resized = new ResizeObserver(() => this.following && this.toEnd());
    this.resized.observe(this.scroll);
    this.resized.observe(this.log);
  }

  destroy(): void {
    this.resized?.disconnect();
    this.stack.destroy();
  }

  atEnd(): boolean {
    return this.following;
  }

  draw(state: State): void {
    const shown = this.page.kind === "turn" ? ofTurn(state) : state.entries;
    const session = state.session?.client_id;
    if (session !== this.session) this.clear(session);
    this.count(shown);
    this.entries = shown;
    this.stack.draw(this.rows.update(shown), state);
    this.dress(state);
    if (this.following) this.toEnd();
  }

  /** Bring a message into sight, loading what lies between; false where there is none such. */
  async jump(id: string): Promise<boolean> {
    this.following = false;
    let at = this.placeOf(id);
    while (at < 0 && this.page.state.more) {
      await this.page.older(PAGES.jump);
      this.draw(this.page.state);
      at = this.placeOf(id);
    }
    const row = this.rows.update(this.entries)[at];
    if (!row) return false;
    this.stack.reveal(at);
    requestAnimationFrame(() => this.stack.find(row.id)?.flash());
    return true;
  }

  private placeOf(id: string): number {
    const rows = this.rows.update(this.entries);
    return rows.findIndex((row) => row.id === id || row.inner.some((each) => each.id === id));
  }

  /** Keep account of what came while the reader was elsewhere. */
  private count(shown: readonly Entry[]): void {
    if (this.following) {
      this.unseen = 0;
      return;
    }
    const last = this.entries.at(-1);
    const from = last ? shown.findLastIndex((each) => each.id === last.id) + 1 : 0;
    if (from > 0) this.unseen += shown.slice(from).filter((each) => !each.results.length).length;
  }

  private dress(state: State): void {
    this.olderButton.hidden = !state.more || this.page.kind === "turn";
    const nothing = !state.entries.length && this.page.kind === "chat";
    this.empty.hidden = !nothing;
    if (nothing) setText(this.empty, state.ready ? "Ask Claude something." : "Loading…");
    this.dressLatest();
  }

  private dressLatest(): void {
    this.latest.hidden = this.following || this.page.kind === "turn";
    const words = this.unseen ? plural(this.unseen, "new message") : "";
    setText(this.latestWords, words);
    this.latest.setAttribute("aria-label", words ? `Go to ${words}` : "Go to the latest");
  }

  private clear(session: string | undefined): void {
    this.session = session;
    this.stack.clear();
    this.entries = [];
    this.following = true;
    this.loaded = false;
  }

  private readonly touched = (): void => {
    this.touchedAt = Date.now();
  };

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    // Only a reader leaves the end; that the end moved away is no wish to stay behind.
    const byReader = Date.now() - this.touchedAt < READER_MS;
    if (byReader) this.touchedAt = Date.now();
    const up = scrollTop < this.scrollTop;
    this.scrollTop = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.following = true;
    else if (byReader && up) this.following = false;
    else if (this.following) this.toEnd();
    if (this.following) this.unseen = 0;
    this.dressLatest();
    const near = scrollTop < clientHeight * NEAR_START;
    if (near && !this.olderButton.hidden && !this.following) void this.older();
  }

  /** The button hides itself: who pressed it goes on in the list. */
  private goToEnd(): void {
    this.scroll.focus({ preventScroll: true });
    this.toEnd();
  }

  private toEnd(): void {
    this.following = true;
    this.unseen = 0;
    this.dressLatest();
    if (this.page.kind === "turn") return;
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  private async older(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.following = false;
    setText(this.olderButton, "Loading…");
    try {
      await this.page.older(this.loaded ? PAGES.more : PAGES.first);
      this.loaded = true;
      setText(this.olderButton, "Show older messages");
    } catch (error) {
      setText(this.olderButton, `${(error as Error).message} Try again`);
    }
    this.loading = false;
  }
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
