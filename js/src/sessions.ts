/** The session switcher: search, list, open, make new. */

import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { ago, cost, plural } from "./format";
import { icon } from "./icons";
import type { Page } from "./page";
import { fromField, walk } from "./picker";
import { Popover } from "./popover";
import type { State } from "./state";
import type { SessionInfo } from "./wire";

const PAGE = 30;
/** Typing pauses this long (ms) before the kernel is asked. */
const PAUSE = 200;

export class Sessions {
  readonly el: HTMLElement;
  private readonly opener: HTMLButtonElement;
  private readonly name = h("span", { class: "ipc-session-name" });
  private readonly popover: Popover;
  private readonly search: HTMLInputElement;
  private readonly list = h("ul", { class: "ipc-sessions", "data-ipc": "session-list" });
  private readonly moreButton: HTMLButtonElement;
  private readonly failure = new Failure();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the answer to the last question counts. */
  private asked = 0;
  private shown = 0;

  constructor(private readonly page: Page) {
    this.opener = button("sessions", "Switch session", () => undefined, this.name, icon("chevron"));
    this.opener.classList.add("ipc-opener");
    this.search = h("input", {
      type: "search",
      class: "ipc-field",
      placeholder: "Search sessions",
      "aria-label": "Search sessions",
      "data-ipc": "session-search",
      input: () => this.later(),
      keydown: (event) => fromField(event as KeyboardEvent, this.list),
    });
    this.moreButton = button("sessions-more", "Show more", () => void this.load(this.shown));
    this.moreButton.hidden = true;
    this.popover = new Popover(this.opener, "Sessions", "session-panel", () => {
      this.search.value = "";
      this.search.focus();
      void this.load(0);
    });
    const make = button(
      "new-session",
      "New session",
      () => void this.make(),
      icon("plus"),
      "New session",
    );
    this.popover.panel.append(
      h("div", { class: "ipc-row" }, this.search, make),
      this.failure.el,
      this.list,
      this.moreButton,
    );
    this.el = h("div", { class: "ipc-pop" }, this.opener, this.popover.panel);
  }

  draw({ session }: State): void {
    setText(this.name, session?.name || "No session");
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.popover.destroy();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(0), PAUSE);
  }

  private async load(offset: number): Promise<void> {
    const turn = ++this.asked;
    this.failure.clear();
    try {
      const query = this.search.value.trim();
      const found = await this.page.ask({ type: "sessions", query, limit: PAGE, offset });
      if (turn !== this.asked) return;
      const rows = found.sessions.map((each) => this.row(each, each.client_id === found.current));
      if (offset) this.list.append(...rows);
      else this.list.replaceChildren(...rows);
      this.shown = offset + rows.length;
      this.moreButton.hidden = rows.length < PAGE;
      if (!this.shown)
        this.list.append(h("li", { class: "ipc-muted ipc-none" }, "No session found."));
    } catch (error) {
      if (turn === this.asked) this.failure.show(error);
    }
  }

  private row(session: SessionInfo, current: boolean): HTMLElement {
    const held = session.holder !== null && (session.holder_expires_at ?? 0) > Date.now();
    const phase = held && session.phase.type === "idle" ? "held" : session.phase.type;
    const facts = [
      PHASES[phase],
      ago(session.last_activity_at),
      plural(session.message_count, "message"),
      session.cost_usd ? cost(session.cost_usd) : "",
    ];
    const open = h(
      "button",
      {
        type: "button",
        class: "ipc-session",
        "data-ipc": "session",
        "data-id": session.client_id,
        "data-state": phase,
        "aria-current": current ? "true" : "false",
        click: () => void this.open(session.client_id),
        keydown: (event) => walk(event as KeyboardEvent, this.list, this.search),
      },
      h(
        "span",
        { class: "ipc-session-head" },
        h("strong", {}, session.name),
        current && icon("check"),
      ),
      session.title && h("span", { class: "ipc-session-title" }, session.title),
      h("span", { class: "ipc-muted" }, facts.filter(Boolean).join(" · ")),
    );
    return h("li", {}, open);
  }

  private open(id: string): Promise<void> {
    return this.change(() => this.page.ask({ type: "open_session", session_id: id }));
  }

  private make(): Promise<void> {
    const name = this.search.value.trim();
    return this.change(() => this.page.ask({ type: "new_session", name }));
  }

  private async change(ask: () => Promise<unknown>): Promise<void> {
    this.failure.clear();
    try {
      await ask();
      this.popover.close();
    } catch (error) {
      this.failure.show(error);
    }
  }
}

const PHASES: Record<string, string> = {
  idle: "",
  running: "running",
  waiting: "waits for permission",
  error: "error",
  held: "open elsewhere",
};
