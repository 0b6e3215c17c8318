/** Where the session is kept and how that goes, and what it runs with. Never silent. */

import { Company } from "./company";
import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { cost, modelName, tokens } from "./format";
import type { Page } from "./page";
import type { State } from "./state";
import { demoBadge } from "./turnbar";
import { Usage } from "./usage";
import type { ResultBlock, Status, Unsent } from "./wire";

export class StateLine {
  readonly el: HTMLElement;
  private readonly dot = h("span", { class: "ipc-dot", "aria-hidden": "true" });
  // How saving goes is news; what stands beside it is not.
  private readonly sync = h("span", { class: "ipc-words", role: "status" });
  private readonly send: HTMLButtonElement;
  private readonly company = new Company(() => void this.ask({ type: "take_over" }));
  private readonly failure = new Failure("sync-failure");
  private readonly facts = h("span");
  private readonly usage: Usage;
  private readonly demo = demoBadge();
  private readonly context = new ContextMeter();

  constructor(private readonly page: Page) {
    this.send = button("sync", "Sync to cloud", () => void this.sendSession(), "Sync to cloud");
    this.usage = new Usage(page, this.facts);
    this.el = h(
      "div",
      { class: "ipc-state-line", "data-ipc": "state-line" },
      this.dot,
      this.sync,
      this.send,
      this.company.holder,
      this.company.people,
      this.failure.el,
      this.demo,
      this.usage.el,
      this.context.el,
    );
  }

  draw(state: State): void {
    const { status, session, ready } = state;
    const alive = this.page.alive;
    this.el.dataset.state = alive ? status.sync : "dead";
    setText(
      this.sync,
      alive ? (ready ? words(status) : "Connecting…") : "The kernel does not answer",
    );
    this.el.title = status.detail;
    this.send.hidden = !alive || !status.can_sync;
    this.company.draw(status);
    this.demo.hidden = !status.demo;
    // The session's row is told anew when a turn names its model; the status isn't.
    const model = session?.model || status.model;
    const facts = [
      model ? modelName(model) : "",
      status.permission_mode === "bypassPermissions" ? "asks for no permission" : "",
      session?.cost_usd ? cost(session.cost_usd) : "",
    ];
    setText(this.facts, facts.filter(Boolean).join(" · "));
    this.usage.el.hidden = !session || !this.facts.textContent;
    this.context.draw(state);
  }

  destroy(): void {
    this.usage.destroy();
  }

  /** Let a session that is only here go to the other servers too. */
  private async sendSession(): Promise<void> {
    this.send.disabled = true;
    await this.ask({ type: "sync_session" });
    this.send.disabled = false;
  }

  private async ask(request: Unsent): Promise<void> {
    this.failure.clear();
    try {
      await this.page.ask(request);
    } catch (error) {
      this.failure.show(error);
    }
  }
}

/** What becomes of what is said, and why the other servers were not asked before a turn. */
function words(status: Status): string {
  const { alone } = status;
  return alone ? `${syncWords(status)}. Working alone: ${alone}` : syncWords(status);
}

function syncWords({ sync, waiting, detail, server }: Status): string {
  const where = server ? ` (${server})` : "";
  const queue = waiting ? `, ${waiting} waiting` : "";
  switch (sync) {
    case "local":
      return "Saved on this machine";
    case "synced":
      return `Synced${where}`;
    case "sending": // without a number: it would run on all through a turn
      return `Syncing…${where}`;
    case "waiting":
      return waiting ? `${waiting} waiting to sync${where}` : `Signing in…${where}`;
    case "offline":
      return `Offline${queue}. Saved on this machine`;
    case "signed_out":
      return `Signed out${queue}. Saved on this machine`;
    case "refused":
      return `Not synced${queue}: ${detail || "the server refused"}`;
  }
}

/** How full the model's context window is, as of the last turn that said so. */
class ContextMeter {
  readonly el = h("span", { class: "ipc-context", "data-ipc": "context", hidden: true });
  private readonly meter = h("meter", { min: "0", max: "1", high: "0.8", optimum: "0" });
  private readonly words = h("span");

  constructor() {
    this.meter.setAttribute("aria-label", "Context window used");
    this.el.append(this.meter, this.words);
  }

  draw({ turn, entries }: State): void {
    const result = turn?.result ?? lastResult(entries);
    const { context_tokens: used = 0, context_window: most = 0 } = result ?? {};
    this.el.hidden = !used || !most;
    if (this.el.hidden) return;
    this.meter.value = Math.min(1, used / most);
    setText(this.words, `${Math.round((100 * used) / most)} %`);
    this.el.title = `${tokens(used)} of ${tokens(most)} tokens of the context window are used`;
  }
}

function lastResult(entries: State["entries"]): ResultBlock | undefined {
  const message = entries.findLast((each) => each.message?.type === "result")?.message;
  return message?.content.find((each): each is ResultBlock => each.type === "result");
}
