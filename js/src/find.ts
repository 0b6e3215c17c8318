/** Finding in the session: its prompts as a table of contents, or the messages that hold words. */

import { button, h } from "./dom";
import { Failure } from "./failure";
import { ago } from "./format";
import { icon } from "./icons";
import type { Page } from "./page";
import { fromField, walk } from "./picker";
import { Popover } from "./popover";
import type { Found } from "./wire";

/** Typing pauses this long (ms) before the kernel is asked. */
const PAUSE = 200;
const PAGE = 50;
const WHO: Record<string, string> = { user: "You", assistant: "Claude", tool: "Tool" };

export class Find {
  readonly el: HTMLElement;
  readonly inHead = true;
  private readonly popover: Popover;
  private readonly field: HTMLInputElement;
  private readonly list = h("ul", { class: "ipc-sessions", "data-ipc": "found-list" });
  private readonly moreButton: HTMLButtonElement;
  private readonly failure = new Failure();
  private shown = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the answer to the last question counts. */
  private asked = 0;

  constructor(
    private readonly page: Page,
    private readonly jump: (id: string) => Promise<boolean>,
  ) {
    const label = "Find in this session";
    const opener = button("find", label, () => undefined, icon("search"));
    this.field = h("input", {
      type: "search",
      class: "ipc-field",
      placeholder: "Find words, or jump to a prompt",
      "aria-label": label,
      "data-ipc": "find-field",
      input: () => this.later(),
      keydown: (event) => fromField(event as KeyboardEvent, this.list),
    });
    this.popover = new Popover(opener, label, "find-panel", () => {
      this.field.focus();
      this.field.select();
      void this.load(0);
    });
    this.moreButton = button("found-more", "Show more", () => void this.load(this.shown));
    this.moreButton.hidden = true;
    this.popover.panel.append(this.field, this.failure.el, this.list, this.moreButton);
    this.el = h("div", { class: "ipc-pop ipc-pop-end" }, opener, this.popover.panel);
  }

  open(): void {
    this.popover.open();
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
    const query = this.field.value.trim();
    try {
      const { found } = await this.page.ask({ type: "find", query, limit: PAGE, offset });
      if (turn !== this.asked) return;
      const rows = found.map((each) => this.row(each));
      if (!offset) this.list.replaceChildren();
      this.list.append(...rows);
      this.shown = offset + rows.length;
      // Who asked for more goes on with the first of them.
      if (offset) (rows[0]?.querySelector("button") ?? this.field).focus();
      this.moreButton.hidden = rows.length < PAGE;
      if (this.shown) return;
      const words = query ? "No message holds these words." : "No prompt yet.";
      this.list.append(h("li", { class: "ipc-muted ipc-none" }, words));
    } catch (error) {
      if (turn === this.asked) this.failure.show(error);
    }
  }

  private row(found: Found): HTMLElement {
    const open = h(
      "button",
      {
        type: "button",
        class: "ipc-session",
        "data-ipc": "found",
        "data-id": found.id,
        click: () => void this.go(found.id),
        keydown: (event) => walk(event as KeyboardEvent, this.list, this.field),
      },
      h("span", { class: "ipc-session-title" }, ...marked(found.snippet)),
      h(
        "span",
        { class: "ipc-muted" },
        `${WHO[found.type] ?? found.type} · ${ago(found.timestamp)}`,
      ),
    );
    return h("li", {}, open);
  }

  private async go(id: string): Promise<void> {
    this.failure.clear();
    try {
      const there = await this.jump(id);
      if (there) this.popover.close();
      else this.failure.show("This message is no longer there.");
    } catch (error) {
      this.failure.show(error);
    }
  }
}

/** The store marks what matched by « and ». */
function marked(snippet: string): (Node | string)[] {
  return snippet.split(/«(.*?)»/s).map((part, at) => (at % 2 ? h("mark", {}, part) : part));
}
