/** Letting somebody into a session: as what, and the line that they run. */

import { copyButton } from "./actions";
import { button, focusIn, h } from "./dom";
import { Failure } from "./failure";
import type { Page } from "./page";
import type { SessionInfo, ShareResult } from "./wire";

const ROLES = { viewer: "to read", editor: "to write too" } as const;

/** Open the form below a session's row, or close it again. */
export function shareRow(page: Page, session: SessionInfo, row: HTMLElement): void {
  const next = row.nextElementSibling;
  if (next?.matches('[data-ipc="share-form"]')) next.remove();
  else {
    row.after(form(page, session));
    // Whoever asked for the form goes on in it.
    row.nextElementSibling?.querySelector("select")?.focus();
  }
}

function form(page: Page, session: SessionInfo): HTMLElement {
  const failure = new Failure();
  const role = h(
    "select",
    { class: "ipc-select", "data-ipc": "share-role", "aria-label": "What they may do" },
    ...Object.entries(ROLES).map(([each, words]) => h("option", { value: each }, words)),
  );
  const made = h("div", { "data-ipc": "share-line", role: "status" });
  const make = button("share-make", "Make a code", () => void run());
  const el = h(
    "li",
    { class: "ipc-share", "data-ipc": "share-form" },
    h("div", { class: "ipc-row" }, h("span", {}, "Let one person in,"), role, make),
    made,
    failure.el,
  );
  const run = async (): Promise<void> => {
    failure.clear();
    // A button that is disabled loses the focus.
    const had = focusIn(el);
    make.disabled = true;
    try {
      const chosen = role.value as keyof typeof ROLES;
      const given = { type: "share", session_id: session.client_id, role: chosen } as const;
      made.replaceChildren(...drawn(await page.ask(given)));
    } catch (error) {
      failure.show(error);
    }
    make.disabled = false;
    if (had) (made.querySelector("button") ?? make).focus();
  };
  return el;
}

function drawn({ line, until }: ShareResult): HTMLElement[] {
  const copyIt = copyButton("Copy the line", () => line);
  return [
    h("div", { class: "ipc-row" }, h("code", { class: "ipc-url" }, line), copyIt),
    h(
      "div",
      { class: "ipc-muted" },
      `They run it in a notebook of theirs, until ${until}. Whoever has it can join: give it to them alone.`,
    ),
  ];
}
