/** The session switcher: search, list, open, make new. */

import { button, focusIn, h, keepFocus, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import { Later } from "./later";
import type { Page } from "./page";
import { fromField, walk } from "./picker";
import { Popover } from "./popover";
import { sessionRow } from "./sessionrow";
import { shareRow } from "./share";
import type { State } from "./state";
import type { SessionInfo, SessionsResult, Unsent } from "./wire";

const PAGE = 30;
/** Typing pauses this long (ms) before the kernel is asked. */
const PAUSE = 200;
/** How long (ms) a deletion can be undone. */
export const UNDO = 8_000;

export class Sessions {
  readonly el: HTMLElement;
  readonly inHead = true;
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
  private readonly undo = h("div", { class: "ipc-undo", role: "status" });
  private undoable: Later | null = null;
  /** The session that is being deleted: the list shows it no more. */
  private leaving = "";
  private readonly archivedToo: HTMLInputElement;

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
      if (!this.leaving) this.undo.replaceChildren();
      void this.load(0);
    });
    const make = button(
      "new-session",
      "New session",
      () => void this.make(),
      icon("plus"),
      "New session",
    );
    this.archivedToo = h("input", {
      type: "checkbox",
      "data-ipc": "archived-too",
      change: () => void this.load(0),
    });
    this.popover.panel.append(
      h("div", { class: "ipc-row" }, this.search, make),
      h("label", { class: "ipc-check" }, this.archivedToo, "Also those put away"),
      this.failure.el,
      this.undo,
      this.list,
      this.moreButton,
    );
    this.el = h("div", { class: "ipc-pop" }, this.opener, this.popover.panel);
  }

  draw({ session }: State): void {
    const name = session?.name || "No session";
    setText(this.name, name);
    this.opener.setAttribute("aria-label", `${name}, switch session`);
  }

  destroy(): void {
    clearTimeout(this.timer);
    // The reader has left: nobody will undo it any more.
    this.undoable?.now();
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
      const archived = this.archivedToo.checked;
      const found = await this.page.ask({ type: "sessions", query, limit: PAGE, offset, archived });
      if (turn !== this.asked) return;
      const rows = found.sessions.map((each) => this.row(each, found));
      if (offset) this.list.append(...rows);
      else this.fill(rows);
      this.shown = offset + rows.length;
      // Who asked for more goes on with the first of them.
      if (offset) (rows[0]?.querySelector("button") ?? this.search).focus();
      this.moreButton.hidden = rows.length < PAGE;
    } catch (error) {
      if (turn === this.asked) this.failure.show(error);
    }
  }

  /** Show these rows; whoever was at a session stays there, or goes to its neighbour. */
  private fill(rows: readonly HTMLElement[]): void {
    const at = [...this.list.children].findIndex((each) => focusIn(each));
    const id = idOf(this.list.children[at]);
    const none = h("li", { class: "ipc-muted ipc-none" }, "No session found.");
    keepFocus(
      this.list,
      () => this.list.replaceChildren(...(rows.length ? rows : [none])),
      () => {
        const next = rows.find((each) => idOf(each) === id) ?? rows[Math.min(at, rows.length - 1)];
        return next?.querySelector("button") ?? this.search;
      },
    );
  }

  private row(session: SessionInfo, found: SessionsResult): HTMLElement {
    const made = this.makeRow(session, found);
    made.hidden = session.client_id === this.leaving;
    return made;
  }

  private makeRow(session: SessionInfo, found: SessionsResult): HTMLElement {
    const deeds = {
      open: (id: string) => void this.open(id),
      rename: (id: string, name: string) => void this.renamed(id, name),
      archive: (each: SessionInfo) => void this.archive(each),
      fork: (id: string) => void this.fork(id),
      share: (each: SessionInfo, row: HTMLElement) => shareRow(this.page, each, row),
      remove: (each: SessionInfo) => this.remove(each),
      key: (event: KeyboardEvent) => walk(event, this.list, this.search),
    };
    return sessionRow(session, session.client_id === found.current, deeds, found);
  }

  private fork(id: string): Promise<void> {
    return this.change(() => this.page.ask({ type: "fork", session_id: id, at: null, name: "" }));
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

  private renamed(id: string, name: string): Promise<boolean> {
    return this.changeList({ type: "rename_session", session_id: id, name });
  }

  /** Put a session away, or take it out again; either can be undone. */
  private async archive({ client_id: id, name, archived_at: away }: SessionInfo): Promise<void> {
    const change = (archived: boolean) =>
      this.changeList({ type: "archive_session", session_id: id, archived });
    if (!(await change(!away))) return;
    this.undoable?.now();
    this.offer(`${name} is ${away ? "taken out again" : "put away"}.`, () => {
      void change(Boolean(away)).then(() => this.goTo(id));
    });
  }

  /** Ask for a change, and for the list anew; false where that failed. */
  private async changeList(request: Unsent): Promise<boolean> {
    this.failure.clear();
    try {
      await this.page.ask(request);
      await this.load(0);
      return true;
    } catch (error) {
      this.failure.show(error);
      return false;
    }
  }

  /** Hide a session, and delete it once the time to undo that is over. */
  private remove({ client_id: id, name }: SessionInfo): void {
    this.undoable?.now();
    this.leaving = id;
    this.hide(id, true);
    const gone = async () => {
      this.takeOffer();
      await this.changeList({ type: "delete_session", session_id: id });
      // Another may be leaving by now.
      if (this.leaving === id) this.leaving = "";
    };
    const undoable = new Later(UNDO, () => void gone());
    this.undoable = undoable;
    this.offer(`${name} is being deleted.`, () => {
      undoable.cancel();
      this.leaving = "";
      this.hide(id, false);
      this.goTo(id);
    });
  }

  /** Say what was done, and let it be undone. */
  private offer(words: string, undo: () => void): void {
    const back = button("undo", "Undo", () => {
      this.takeOffer();
      undo();
    });
    this.undo.replaceChildren(h("span", {}, words), back);
    back.focus();
  }

  private takeOffer(): void {
    keepFocus(
      this.undo,
      () => this.undo.replaceChildren(),
      () => this.search,
    );
  }

  private find(id: string): HTMLElement | undefined {
    return [...this.list.children].find((each) => idOf(each) === id) as HTMLElement | undefined;
  }

  private hide(id: string, hidden: boolean): void {
    const row = this.find(id);
    if (row) row.hidden = hidden;
  }

  private goTo(id: string): void {
    (this.find(id)?.querySelector("button") ?? this.search).focus();
  }
}

/** The session that a row of the list stands for. */
function idOf(row: Element | undefined): string {
  return row?.querySelector("[data-id]")?.getAttribute("data-id") ?? "";
}
