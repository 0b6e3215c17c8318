/** What a command has printed so far, while it runs. */

import { h, setText } from "../dom";

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be taken out
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
/** What a terminal would no longer show: a line's words before it was begun anew, as by a bar. */
const OVERWRITTEN = /^[^\n]*\r(?=[^\r\n])/gm;
/** So near to the end (px) the words are followed. */
const NEAR_END = 20;

/** Take a terminal's colours and movements out of a text. */
export function withoutEscapes(text: string): string {
  return text.replace(ESCAPES, "");
}

/** It grows, and stays at its end unless the reader has scrolled up. No screen reader is told. */
export class Printed {
  readonly el = h("pre", { class: "ipc-pre", tabindex: "0", "data-ipc": "printed" });

  get empty(): boolean {
    return !this.el.textContent;
  }

  show(text: string): void {
    const { scrollHeight, scrollTop, clientHeight } = this.el;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR_END;
    setText(this.el, withoutEscapes(text).replace(OVERWRITTEN, ""));
    if (follows) this.toEnd();
  }

  /** The last line that says something; for where there is room for one. */
  get latest(): string {
    return this.el.textContent?.trimEnd().split("\n").pop()?.trim() ?? "";
  }

  toEnd(): void {
    this.el.scrollTop = this.el.scrollHeight;
  }
}
