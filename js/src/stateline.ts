/** Where the session is kept and how that goes, and what it runs with. Never silent. */

import { h, setText } from "./dom";
import { cost, modelName } from "./format";
import type { Page } from "./page";
import type { State } from "./state";
import { demoBadge } from "./turnbar";
import type { Status } from "./wire";

const MODES: Record<string, string> = {
  default: "",
  plan: "plan only",
  acceptEdits: "accepts edits",
  bypassPermissions: "asks for no permission",
};

export class StateLine {
  readonly el: HTMLElement;
  private readonly dot = h("span", { class: "ipc-dot", "aria-hidden": "true" });
  private readonly sync = h("span", { class: "ipc-words" });
  private readonly facts = h("span", { class: "ipc-muted" });
  private readonly demo = demoBadge();

  constructor(private readonly page: Page) {
    this.el = h(
      "div",
      { class: "ipc-state-line", role: "status", "data-ipc": "state-line" },
      this.dot,
      this.sync,
      this.demo,
      this.facts,
    );
  }

  draw({ status, session, ready }: State): void {
    const alive = this.page.alive;
    this.el.dataset.state = alive ? status.sync : "dead";
    setText(
      this.sync,
      alive ? (ready ? syncWords(status) : "Connecting…") : "The kernel does not answer",
    );
    this.el.title = status.detail;
    this.demo.hidden = !status.demo;
    // The session's row is told anew when a turn names its model; the status isn't.
    const model = session?.model || status.model;
    const facts = [
      model ? modelName(model) : "",
      MODES[status.permission_mode] ?? status.permission_mode,
      session?.cost_usd ? cost(session.cost_usd) : "",
    ];
    setText(this.facts, facts.filter(Boolean).join(" · "));
  }
}

function syncWords({ sync, waiting, detail, server }: Status): string {
  const where = server ? ` (${server})` : "";
  const queue = waiting ? `, ${waiting} waiting` : "";
  switch (sync) {
    case "local":
      return "Saved on this machine";
    case "synced":
      return `Synced${where}`;
    case "waiting":
      return `${waiting} waiting to sync${where}`;
    case "offline":
      return `Offline${queue}. Saved on this machine`;
    case "signed_out":
      return `Signed out${queue}. Saved on this machine`;
    case "refused":
      return `Not synced${queue}: ${detail || "the server refused"}`;
  }
}
