/** What a reader can do with a message: small buttons that show when it is pointed at or focused. */

import { button, copy, h } from "./dom";
import { type IconName, icon } from "./icons";
import { textOf } from "./state";
import type { Message } from "./wire";

/** What the actions ask of the view around them. */
export interface Doing {
  /** False where only copying makes sense: the output of a cell. */
  readonly full: boolean;
  /** Put words into the composer as a quotation. */
  quote(text: string): void;
  /** Put a prompt into the composer, to be sent again in a fork that ends before it. */
  edit(prompt: Message): void;
  /** Ask a turn's prompt again, here. */
  retry(turnId: string): void;
  /** Go on from here in a copy of the session. */
  fork(message: Message): void;
  /** Put Markdown into a new cell of the notebook. */
  insert(markdown: string): void;
  /** What Claude said in a turn, as Markdown. */
  answer(turnId: string): string;
}

const SHOWN_MS = 1_500;

/** A button that copies, and says whether it could. */
export function copyButton(label: string, text: () => string): HTMLButtonElement {
  const made = button("copy", label, () => void run(), icon("copy"));
  const run = async (): Promise<void> => {
    const done = await copy(text());
    made.replaceChildren(icon(done ? "check" : "cross"));
    made.dataset.state = done ? "copied" : "failed";
    // The new name of what has the focus is read out.
    name(made, done ? "Copied" : "It could not be copied");
    setTimeout(() => {
      made.replaceChildren(icon("copy"));
      name(made, label);
      delete made.dataset.state;
    }, SHOWN_MS);
  };
  return made;
}

function name(made: HTMLElement, words: string): void {
  made.setAttribute("aria-label", words);
  made.title = words;
}

/** The actions of a message; null where there are none. */
export function actionsFor(message: Message, doing: Doing): HTMLElement | null {
  const buttons = list(message, doing);
  if (!buttons.length) return null;
  const label = "What you can do with this message";
  return h(
    "div",
    { class: "ipc-message-actions", role: "group", "aria-label": label, "data-ipc": "actions" },
    ...buttons,
  );
}

function list(message: Message, doing: Doing): HTMLButtonElement[] {
  const text = textOf(message);
  if (message.parent_tool_use_id !== null) return [];
  const fork = act("fork", "Fork from here", "fork", () => doing.fork(message));
  if (message.type === "result") {
    const whole = copyButton("Copy the whole answer", () => doing.answer(message.turn_id));
    whole.dataset.ipc = "copy-answer";
    const retry = act("retry", "Ask again", "retry", () => doing.retry(message.turn_id));
    return doing.full ? [whole, retry, fork] : [whole];
  }
  if (!text || (message.type !== "user" && message.type !== "assistant")) return [];
  const copyIt = copyButton("Copy as Markdown", () => text);
  if (!doing.full) return [copyIt];
  const quote = act("quote", "Quote in the prompt", "quote", () => doing.quote(text));
  if (message.type === "user") {
    const edit = act("edit", "Edit and send again in a fork", "edit", () => doing.edit(message));
    return [copyIt, edit, quote];
  }
  const cell = act("insert-cell", "Insert as cell below", "cell", () => doing.insert(text));
  return [copyIt, quote, cell];
}

function act(hook: string, label: string, sign: IconName, click: () => void): HTMLButtonElement {
  return button(hook, label, click, icon(sign));
}
