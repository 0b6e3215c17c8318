/** The session switcher: search, list, open, make new. */

import { button, h, setText } from "./dom";
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
      else this.list.replaceChildren(...rows);
      this.shown = offset + rows.length;
      this.moreButton.hidden = rows.length < PAGE;
      if (!this.shown)
        this.list.append(h("li", { class: "ipc-muted ipc-none" }, "No session found."));
    } catch (error) {
      if (turn === this.asked) this.failure.show(error);
    }
  }

  private row(session: SessionInfo, found: SessionsResult): HTMLElement {
    const deeds = {
      open: (id: string) => void this.open(id),
      rename: (id: string, name: string) => void this.renamed(id, name),
      archive: (id: string, archived: boolean) => void this.archived(id, archived),
      fork: (id: string) => void this.fork(id),
      share: (each: SessionInfo, row: HTMLElement) => shareRow(this.page, each, row),
      remove: (each: SessionInfo, row: HTMLElement) => this.remove(each, row),
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

  private renamed(id: string, name: string): Promise<void> {
    return this.changeList({ type: "rename_session", session_id: id, name });
  }

  private archived(id: string, archived: boolean): Promise<void> {
    return this.changeList({ type: "archive_session", session_id: id, archived });
  }

  private async changeList(request: Unsent): Promise<void> {
    this.failure.clear();
    try {
      await this.page.ask(request);
      await this.load(0);
    } catch (error) {
      this.failure.show(error);
    }
  }

  /** Hide a session, and delete it once the time to undo that is over. */
  private remove(session: SessionInfo, row: HTMLElement): void {
    this.undoable?.now();
    row.hidden = true;
    const gone = async () => {
      this.undo.replaceChildren();
      await this.changeList({ type: "delete_session", session_id: session.client_id });
    };
    const undoable = new Later(UNDO, () => void gone());
    this.undoable = undoable;
    const back = button("undo-delete", "Undo", () => {
      undoable.cancel();
      this.undo.replaceChildren();
      row.hidden = false;
      row.querySelector("button")?.focus();
    });
    this.undo.replaceChildren(h("span", {}, `${session.name} is being deleted.`), back);
    back.focus();
  }
}
