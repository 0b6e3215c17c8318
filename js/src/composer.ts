/** Where a person writes. The draft lives here, and is let go only when the kernel has it. */

import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import type { State } from "./state";
import { running } from "./transcript";

export class Composer {
  readonly el: HTMLElement;
  private readonly area: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly hint = h("div", { class: "ipc-hint" });
  private readonly failure = new Failure();
  private sending = false;
  private busy = false;

  constructor(
    private readonly page: Page,
    private readonly stop: () => void,
  ) {
    this.area = h("textarea", {
      class: "ipc-area",
      rows: "1",
      "data-ipc": "composer",
      "aria-label": "Message to Claude",
      placeholder: "Ask Claude…",
      // JupyterLab's shortcuts, of which Shift+Enter re-runs the cell, keep off such elements.
      "data-lm-suppress-shortcuts": "true",
      keydown: (event) => this.key(event as KeyboardEvent),
      input: () => this.typed(),
    });
    this.sendButton = button("send", "Send", () => void this.send(), icon("arrow"));
    this.sendButton.classList.add("ipc-primary");
    this.el = h(
      "div",
      { class: "ipc-composer", "data-lm-suppress-shortcuts": "true" },
      this.failure.el,
      h("div", { class: "ipc-box" }, this.area, this.sendButton),
      this.hint,
    );
    // Both are needed: the attribute above, and that the host never sees the key (Notebook 7).
    for (const name of ["keydown", "keypress", "keyup"]) {
      this.el.addEventListener(name, (event) => event.stopPropagation());
    }
    this.typed();
  }

  draw(state: State): void {
    this.busy = running(state);
    this.el.dataset.state = this.page.alive ? (this.busy ? "busy" : "ready") : "dead";
    setText(this.hint, this.words());
    this.enable();
  }

  focus(): void {
    this.area.focus();
  }

  private words(): string {
    if (!this.page.alive) {
      return "The kernel does not answer: it may be busy, stopped or restarted. Your text is kept.";
    }
    return this.busy
      ? "Claude is working. Esc stops."
      : "Enter sends, Shift+Enter breaks the line.";
  }

  private key(event: KeyboardEvent): void {
    // An input method uses Enter and Esc for itself; 229 is what older browsers say.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      void this.send();
    } else if (event.key === "Escape" && this.busy) {
      event.preventDefault();
      this.stop();
    }
  }

  private typed(): void {
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight}px`;
    this.enable();
  }

  private enable(): void {
    this.sendButton.disabled = this.sending || this.busy || !this.area.value.trim();
  }

  private async send(): Promise<void> {
    const text = this.area.value;
    if (this.sending || this.busy || !text.trim()) return;
    this.sending = true;
    this.failure.clear();
    this.enable();
    try {
      await this.page.ask({ type: "prompt", text });
      // What was typed while the answer was awaited is not ours to delete.
      if (this.area.value === text) this.area.value = "";
    } catch (error) {
      this.failure.show(error);
    }
    this.sending = false;
    this.typed();
  }
}
