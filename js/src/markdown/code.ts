/** A code block: grows by appending, is coloured when it is closed, and can be copied. */

import { copyButton } from "../actions";
import { cellOf, type NewCell, runnable } from "../cells";
import { button, h } from "../dom";
import { highlight } from "../highlight";
import { type IconName, icon } from "../icons";

/** Lines are laid out in boxes of about this many characters, so that a new one moves no other. */
const BOX = 4_000;
/** The event by which a code block asks for a cell. */
export const CELL_WISH = "ipc-cell";

export interface CellWish {
  cell: NewCell;
  run: boolean;
}

export class CodeBlock {
  readonly el: HTMLElement;
  private readonly code = h("code");
  private readonly pieces: string[] = [];
  private box: HTMLElement | null = null;
  private boxed = 0;
  private tailNode: Text | null = null;

  constructor(private readonly language: string) {
    const copyIt = copyButton("Copy code", () => this.text);
    this.el = h(
      "div",
      { class: "ipc-code", "data-ipc": "code" },
      h(
        "div",
        { class: "ipc-code-bar" },
        h("span", {}, language || "text"),
        runnable(language) && this.cellButton("run-cell", "Run in a cell below", true, "play"),
        this.cellButton("insert-code", "Insert as cell below", false, "cell"),
        copyIt,
      ),
      h("pre", { tabindex: "0" }, this.code),
    );
  }

  append(text: string): void {
    this.pieces.push(text);
    this.tail("");
    if (!this.box || this.boxed > BOX) {
      this.box = h("span", { class: "ipc-code-box" });
      this.boxed = 0;
      this.code.append(this.box);
    }
    // A box may end only where a line does: it is a block of its own.
    this.boxed = text.endsWith("\n") ? this.boxed + text.length : 0;
    this.box.append(text);
  }

  /** Show the unfinished line. */
  tail(text: string): void {
    if (!this.tailNode) {
      if (!text) return;
      this.tailNode = document.createTextNode(text);
      (this.box ?? this.code).append(this.tailNode);
    } else if (text) {
      this.tailNode.data = text;
    } else {
      this.tailNode.remove();
      this.tailNode = null;
    }
  }

  finish(): void {
    this.tail("");
    const text = this.text;
    this.code.textContent = text;
    highlight(this.code, text, this.language.toLowerCase());
  }

  get text(): string {
    return this.pieces.join("").replace(/\n$/, "");
  }

  /** The view around knows the notebook, if there is one; without one the button is hidden. */
  private cellButton(hook: string, label: string, run: boolean, sign: IconName): HTMLElement {
    const made = button(hook, label, () => ask(), icon(sign));
    const ask = (): void => {
      const detail: CellWish = { cell: cellOf(this.text, this.language), run };
      made.dispatchEvent(new CustomEvent(CELL_WISH, { detail, bubbles: true, composed: true }));
    };
    return made;
  }
}

/** A code block that is whole. */
export function codeBlock(text: string, language: string): HTMLElement {
  const block = new CodeBlock(language);
  block.append(text);
  block.finish();
  return block.el;
}
