/** Where a person writes. The draft lives here, and is let go only when the kernel has it. */

import type { Seen } from "./cells";
import { Controls } from "./controls";
import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import { recall, remember } from "./memory";
import type { Page } from "./page";
import { Queue } from "./queue";
import { running, type State, typedOf } from "./state";
import { type Command, Suggest } from "./suggest";
import { Uploads } from "./uploads";
import type { Message, SessionInfo, Unsent } from "./wire";

/** What the composer asks of the view around it. */
export interface Around {
  stop(): void;
  find(): void;
  /** The notebook's cells; null where the host keeps them to itself. */
  cells(): readonly Seen[] | null;
}

/** Why a person may not write in a session; empty where they may. */
function readsOnly({ role, owner }: SessionInfo): string {
  const who = owner || "Its owner";
  if (role === "viewer") return `${who} shared this session with you to read.`;
  return role === "none" ? "This session is not shared with you any more." : "";
}

export class Composer {
  readonly el: HTMLElement;
  private readonly area: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly hint = h("div", { class: "ipc-hint" });
  private readonly failure = new Failure();
  private readonly banner: HTMLElement;
  private readonly uploads: Uploads;
  private readonly suggest: Suggest;
  private readonly controls: Controls;
  private readonly queue: Queue;
  private readonly forkButton = button("fork-whole", "Go on in a copy", () => this.fork());
  private session: string | null = null;
  /** The turn whose prompt is being edited. */
  private editing: string | null = null;
  private sending = false;
  private busy = false;
  /** How far back in the prompts one has gone, and what stood there before. */
  private back = 0;
  private unsent = "";

  constructor(
    private readonly page: Page,
    private readonly around: Around,
  ) {
    this.area = this.makeArea();
    this.sendButton = button("send", "Send", () => this.clicked(), icon("arrow"));
    this.sendButton.classList.add("ipc-primary");
    this.banner = h(
      "div",
      { class: "ipc-banner", "data-ipc": "editing", hidden: true },
      icon("fork"),
      h("span", {}, "Sending goes on in a fork that ends before this prompt."),
      button("cancel-edit", "Cancel", () => this.dropEdit()),
    );
    this.uploads = new Uploads(
      () => this.enable(),
      (why) => this.failure.show(why),
    );
    this.controls = new Controls(page, this.failure);
    this.queue = new Queue(page, this.area, (text) => this.takeBack(text));
    this.suggest = new Suggest(
      page,
      this.area,
      this.commands(),
      () => around.cells(),
      (cell) => this.uploads.addCell(cell),
    );
    this.el = this.build();
    this.typed();
  }

  draw(state: State): void {
    this.turnTo(state.session?.client_id ?? null);
    this.busy = running(state);
    this.el.dataset.state = this.page.alive ? (this.busy ? "busy" : "ready") : "dead";
    setText(this.hint, this.words());
    this.sendButton.title = this.busy ? "Send when this turn is over" : "Send";
    this.sendButton.setAttribute("aria-label", this.sendButton.title);
    this.controls.draw(state);
    this.queue.draw(state);
    this.restrict(state.session);
    this.enable();
  }

  /** A reader of somebody's session is told so, and can go on in a copy. */
  private restrict(session: SessionInfo | null): void {
    const words = session ? readsOnly(session) : "";
    this.area.disabled = Boolean(words);
    this.uploads.opener.disabled = Boolean(words);
    this.forkButton.hidden = !words;
    if (!words) return;
    this.el.dataset.state = "reads";
    setText(this.hint, words);
  }

  destroy(): void {
    this.suggest.close();
  }

  focus(): void {
    this.area.focus();
  }

  /** What has the focus when a person writes. */
  get home(): HTMLElement {
    return this.area;
  }

  /** Put words into the draft as a quotation, and go there. */
  quote(text: string): void {
    const quoted = text.trim().replace(/^/gm, "> ");
    const before = this.area.value.trimEnd();
    this.write(`${before}${before && "\n\n"}${quoted}\n\n`);
    this.focus();
  }

  /** Go on writing a prompt that was to be sent later. */
  private takeBack(text: string): void {
    const before = this.area.value.trimEnd();
    this.write(`${before}${before && "\n\n"}${text}`);
    this.focus();
  }

  private clicked(): void {
    // Before the button is disabled, which would take the focus away.
    this.focus();
    void this.send();
  }

  /** Take up an earlier prompt: what is sent goes into a fork that ends before it. */
  edit(prompt: Message): void {
    this.editing = prompt.turn_id;
    this.banner.hidden = false;
    this.write(typedOf(prompt));
    this.focus();
  }

  private makeArea(): HTMLTextAreaElement {
    return h("textarea", {
      class: "ipc-area",
      rows: "1",
      "data-ipc": "composer",
      "aria-label": "Message to Claude",
      placeholder: "Ask Claude… (try / or @)",
      // JupyterLab's shortcuts, of which Shift+Enter re-runs the cell, keep off such elements.
      "data-lm-suppress-shortcuts": "true",
      keydown: (event) => this.key(event as KeyboardEvent),
      input: () => this.typed(),
      paste: (event) => this.files(event, (event as ClipboardEvent).clipboardData),
    });
  }

  private build(): HTMLElement {
    const box = h("div", { class: "ipc-box" }, this.area, this.uploads.opener, this.sendButton);
    const foot = h("div", { class: "ipc-foot" }, this.controls.el, this.hint, this.forkButton);
    const el = h(
      "div",
      {
        class: "ipc-composer",
        "data-lm-suppress-shortcuts": "true",
        dragover: (event) => event.preventDefault(),
        drop: (event) => this.files(event, (event as DragEvent).dataTransfer),
      },
      this.failure.el,
      this.queue.el,
      this.banner,
      this.uploads.el,
      h("div", { class: "ipc-writing" }, this.suggest.el, box),
      foot,
    );
    // Both are needed: the attribute above, and that the host never sees the key (Notebook 7).
    for (const name of ["keydown", "keypress", "keyup"]) {
      el.addEventListener(name, (event) => event.stopPropagation());
    }
    return el;
  }

  private commands(): Command[] {
    const make = () => this.request({ type: "new_session", name: "" });
    return [
      { name: "new", detail: "New session", run: make },
      { name: "fork", detail: "Go on in a copy", run: () => this.fork() },
      { name: "find", detail: "Find words or a prompt", run: () => this.around.find() },
      { name: "plan", detail: "Plan mode on or off", run: () => this.controls.togglePlan() },
      { name: "stop", detail: "Stop the running turn", run: () => this.around.stop() },
    ];
  }

  private request(request: Unsent): void {
    this.failure.clear();
    this.page.ask(request).catch((error) => this.failure.show(error));
  }

  private fork(): void {
    this.request({ type: "fork", session_id: null, at: null, name: "" });
  }

  private files(event: Event, from: DataTransfer | null): void {
    if (this.uploads.add(from?.files)) event.preventDefault();
  }

  /** Each session has a draft of its own, which outlives a reload. */
  private turnTo(session: string | null): void {
    if (session === this.session) return;
    const first = this.session === null;
    this.session = session;
    // What was written before the first snapshot came is kept.
    if (first && this.area.value) return;
    this.editing = null;
    this.banner.hidden = true;
    this.write(session ? recall(`draft:${session}`) : "");
  }

  private dropEdit(): void {
    this.editing = null;
    this.banner.hidden = true;
    this.write("");
    this.focus();
  }

  private words(): string {
    if (!this.page.alive) {
      return "The kernel does not answer: it may be busy, stopped or restarted. Your text is kept.";
    }
    return this.busy
      ? "Claude is working. Enter queues, Ctrl+Enter tells it now, Esc stops."
      : "Enter sends, Shift+Enter breaks the line.";
  }

  private key(event: KeyboardEvent): void {
    // An input method uses Enter and Esc for itself; 229 is what older browsers say.
    if (event.isComposing || event.keyCode === 229 || this.suggest.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      void this.send(this.busy && (event.ctrlKey || event.metaKey));
    } else if (event.key === "Escape" && this.editing) {
      event.preventDefault();
      this.dropEdit();
    } else if (event.key === "Escape" && this.busy) {
      event.preventDefault();
      this.around.stop();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (this.recallPrompt(event.key === "ArrowUp" ? 1 : -1)) event.preventDefault();
    }
  }

  /** Walk the earlier prompts, from an empty draft or from one of them that was not changed. */
  private recallPrompt(step: 1 | -1): boolean {
    const prompts = this.page.state.entries
      .flatMap(({ message }) => (message?.type === "user" ? [typedOf(message)] : []))
      .filter((each, at, all) => each && each !== all[at + 1]);
    const untouched = this.back
      ? this.area.value === prompts.at(-this.back)
      : step > 0 && this.area.selectionStart === 0;
    if (!untouched) return false;
    const next = this.back + step;
    if (next < 0 || next > prompts.length) return false;
    if (!this.back) this.unsent = this.area.value;
    this.write(next ? (prompts.at(-next) ?? "") : this.unsent);
    this.back = next;
    return true;
  }

  private write(text: string): void {
    this.area.value = text;
    this.area.setSelectionRange(text.length, text.length);
    this.typed();
    this.suggest.close();
  }

  private typed(): void {
    this.back = 0;
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight}px`;
    if (this.session && !this.editing) remember(`draft:${this.session}`, this.area.value);
    this.suggest.look();
    this.enable();
  }

  private enable(): void {
    this.sendButton.disabled = this.sending || !this.area.value.trim();
  }

  private async ask(text: string, steer: boolean): Promise<void> {
    const { editing } = this;
    const uploads = [...this.uploads.list];
    if (!editing) await this.page.ask({ type: "prompt", text, uploads, steer });
    else await this.page.ask({ type: "resend", turn: editing, text, fork: true });
    this.editing = null;
    this.banner.hidden = true;
    this.uploads.clear();
  }

  /** Send what is written; `steer` lets Claude hear it within the running turn. */
  private async send(steer = false): Promise<void> {
    const text = this.area.value;
    if (this.sending || !text.trim()) return;
    this.sending = true;
    this.failure.clear();
    this.enable();
    try {
      await this.ask(text, steer);
      // What was typed while the answer was awaited is not ours to delete.
      if (this.area.value === text) this.write("");
    } catch (error) {
      this.failure.show(error);
    }
    this.sending = false;
    this.typed();
  }
}
