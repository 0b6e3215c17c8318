/** What may be written next: commands after `/`; cells, variables and files after `@`. */

import type { Seen } from "./cells";
import { h, setText } from "./dom";
import { icon } from "./icons";
import type { Page } from "./page";
import type { Suggestion } from "./wire";

/** A command of the page's own: what it is called, what it says, what it does. */
export interface Command {
  readonly name: string;
  readonly detail: string;
  run(): void;
}

type Choice = Omit<Suggestion, "kind"> & { kind: Suggestion["kind"] | "own"; run?: () => void };

/** Typing pauses this long (ms) before the kernel is asked. */
const PAUSE = 120;
const SIGNS = {
  command: "terminal",
  own: "bolt",
  cell: "cell",
  file: "file",
  variable: "tool",
} as const;
/** Cells offered, so that variables and files are seen too. */
const FEW = 8;
/** A `/` begins a command only as the first sign of the prompt; `@` begins a mention of a word. */
const WORD = /(?:^(\/)|(?:^|\s)(@))([^\s]*)$/;
let made = 0;

export class Suggest {
  readonly el: HTMLElement;
  private readonly note = h("div", { class: "ipc-muted ipc-none" });
  private choices: Choice[] = [];
  private active = 0;
  private asked = 0;
  private from = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly id = `ipc-suggest-${++made}`;

  constructor(
    private readonly page: Page,
    private readonly area: HTMLTextAreaElement,
    private readonly commands: readonly Command[],
    /** The notebook's cells; null where the host keeps them to itself. */
    private readonly cells: () => readonly Seen[] | null,
    /** Let a cell go along with the prompt. */
    private readonly attach: (cell: Seen) => void,
  ) {
    this.el = h("div", {
      class: "ipc-suggest",
      role: "listbox",
      id: this.id,
      "aria-label": "Suggestions",
      "data-ipc": "suggestions",
      hidden: true,
    });
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", this.id);
    area.addEventListener("blur", () => this.close());
  }

  get isOpen(): boolean {
    return !this.el.hidden;
  }

  /** The text changed, or the caret moved: offer what fits. */
  look(): void {
    const { value, selectionStart } = this.area;
    const found = WORD.exec(value.slice(0, selectionStart));
    const sign = (found?.[1] ?? found?.[2]) as "/" | "@" | undefined;
    clearTimeout(this.timer);
    if (!found || !sign) {
      this.close();
      return;
    }
    const query = found[3] ?? "";
    this.from = selectionStart - query.length - 1;
    this.timer = setTimeout(() => void this.ask(sign, query), PAUSE);
  }

  /** Take a key that is meant for the list; false if it is not. */
  key(event: KeyboardEvent): boolean {
    if (!this.isOpen) return false;
    if (event.key === "Enter" && this.isWritten(this.choices[this.active])) {
      // There is nothing to take any more: Enter sends.
      this.close();
      return false;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.mark((this.active + step + this.choices.length) % this.choices.length);
    else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.take();
    else return false;
    event.preventDefault();
    return true;
  }

  close(): void {
    clearTimeout(this.timer);
    this.asked++;
    this.el.hidden = true;
    this.area.removeAttribute("aria-activedescendant");
  }

  private async ask(sign: "/" | "@", query: string): Promise<void> {
    const turn = ++this.asked;
    const seen = sign === "@" ? this.cells() : null;
    const own = sign === "/" ? this.own(query) : this.seen(seen ?? [], query);
    const cells = sign === "@" && seen === null;
    try {
      const { suggestions } = await this.page.ask({ type: "suggest", sign, query, cells });
      if (turn === this.asked) this.show([...own, ...suggestions]);
    } catch {
      // Without the kernel there is less to offer, and writing goes on.
      if (turn === this.asked) this.show(own);
    }
  }

  private own(query: string): Choice[] {
    return this.commands
      .filter(({ name }) => name.startsWith(query.toLowerCase()))
      .map(({ name, detail, run }) => ({
        kind: "own",
        insert: "",
        label: `/${name}`,
        detail,
        run,
      }));
  }

  /** Cells that hold the words, those that stand last first. */
  private seen(cells: readonly Seen[], query: string): Choice[] {
    const wanted = query.toLowerCase();
    return cells
      .filter((each) => each.line && `${each.name} ${each.line}`.toLowerCase().includes(wanted))
      .slice(-FEW)
      .reverse()
      .map((each) => ({
        kind: "cell",
        insert: `${each.name} `,
        label: each.line,
        detail: each.name,
        run: () => this.attach(each),
      }));
  }

  private show(choices: Choice[]): void {
    this.choices = choices;
    this.el.hidden = !choices.length;
    if (!choices.length) return;
    this.el.replaceChildren(
      ...choices.map((each, at) => {
        const label = h("span", { class: "ipc-suggest-label" });
        setText(label, each.label);
        return h(
          "div",
          {
            class: "ipc-suggestion",
            role: "option",
            id: `${this.id}-${at}`,
            "data-ipc": "suggestion",
            "aria-selected": "false",
            // Before the area loses the focus, which would close the list.
            mousedown: (event) => {
              event.preventDefault();
              this.active = at;
              this.take();
            },
          },
          icon(SIGNS[each.kind]),
          label,
          h("span", { class: "ipc-muted" }, each.detail),
        );
      }),
      this.note,
    );
    this.note.hidden =
      choices.every((each) => each.kind !== "own") || choices.length > this.commands.length;
    setText(this.note, "Claude Code's own commands are known after the first prompt.");
    this.mark(0);
  }

  private mark(at: number): void {
    this.active = at;
    [...this.el.querySelectorAll('[role="option"]')].forEach((each, index) => {
      each.setAttribute("aria-selected", `${index === at}`);
      if (index === at) each.scrollIntoView?.({ block: "nearest" });
    });
    this.area.setAttribute("aria-activedescendant", `${this.id}-${at}`);
  }

  /** Whether all of a choice stands in the text already. */
  private isWritten(choice: Choice | undefined): boolean {
    const { value, selectionStart } = this.area;
    const written = value.slice(this.from, selectionStart);
    return Boolean(choice && !choice.run && written && written === choice.insert.trimEnd());
  }

  private take(): void {
    const choice = this.choices[this.active];
    if (!choice) return;
    this.area.setRangeText(choice.insert, this.from, this.area.selectionStart, "end");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
    choice.run?.();
  }
}
