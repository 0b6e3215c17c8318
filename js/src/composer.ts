/** Where a person writes. The draft lives here, and is let go only when the kernel has it. */

import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import { running, type State, textOf } from "./state";
import type { Message } from "./wire";

export class Composer {
  readonly el: HTMLElement;
  private readonly area: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly hint = h("div", { class: "ipc-hint" });
  private readonly failure = new Failure();
  private readonly banner: HTMLElement;
  /** The turn whose prompt is being edited. */
  private editing: string | null = null;
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
    this.banner = h(
      "div",
      { class: "ipc-banner", "data-ipc": "editing", hidden: true },
      icon("fork"),
      h("span", {}, "Sending goes on in a fork that ends before this prompt."),
      button("cancel-edit", "Cancel", () => this.dropEdit()),
    );
    this.el = h(
      "div",
      { class: "ipc-composer", "data-lm-suppress-shortcuts": "true" },
      this.failure.el,
      this.banner,
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

  /** Put words into the draft as a quotation, and go there. */
  quote(text: string): void {
    const quoted = text.trim().replace(/^/gm, "> ");
    const before = this.area.value.trimEnd();
    this.area.value = `${before}${before && "\n\n"}${quoted}\n\n`;
    this.typed();
    this.focus();
  }

  /** Take up an earlier prompt: what is sent goes into a fork that ends before it. */
  edit(prompt: Message): void {
    this.editing = prompt.turn_id;
    this.area.value = textOf(prompt);
    this.banner.hidden = false;
    this.typed();
    this.focus();
  }

  private dropEdit(): void {
    this.editing = null;
    this.banner.hidden = true;
    this.area.value = "";
    this.typed();
    this.focus();
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
    } else if (event.key === "Escape" && this.editing) {
      event.preventDefault();
      this.dropEdit();
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

  private async ask(text: string): Promise<void> {
    const { editing } = this;
    if (!editing) await this.page.ask({ type: "prompt", text });
    else await this.page.ask({ type: "resend", turn: editing, text, fork: true });
    this.editing = null;
    this.banner.hidden = true;
  }

  private async send(): Promise<void> {
    const text = this.area.value;
    if (this.sending || this.busy || !text.trim()) return;
    this.sending = true;
    this.failure.clear();
    this.enable();
    try {
      await this.ask(text);
      // What was typed while the answer was awaited is not ours to delete.
      if (this.area.value === text) this.area.value = "";
    } catch (error) {
      this.failure.show(error);
    }
    this.sending = false;
    this.typed();
  }
}
