/** What the turn is doing: elapsed time and Stop while it runs, one line of facts after it. */

import { resultLine } from "./blocks/result";
import { button, focusIn, h, setText } from "./dom";
import { Failure } from "./failure";
import { modelName, seconds } from "./format";
import { icon } from "./icons";
import type { Page } from "./page";
import { running, type State } from "./state";
import type { TurnState } from "./wire";

const TICK_MS = 1000;

export class TurnBar {
  readonly el: HTMLElement;
  private readonly line = h("div", { class: "ipc-turn-line" });
  private readonly spinner = h("span", { class: "ipc-spinner", "aria-hidden": "true" });
  private readonly words = h("span", { class: "ipc-words" });
  private readonly elapsed = h("span", { class: "ipc-muted ipc-elapsed", "data-ipc": "elapsed" });
  private readonly stored = h("span", { class: "ipc-chip", "data-ipc": "stored" }, "Stored answer");
  private readonly demo = demoBadge();
  private readonly stopButton: HTMLButtonElement;
  private readonly failure = new Failure();
  private timer: ReturnType<typeof setInterval> | undefined;
  private turn: TurnState | null = null;
  /** The page's clock when it first saw the turn: the kernel's clock may be another's. */
  private seenAt = 0;

  constructor(
    private readonly page: Page,
    /** Where a person goes on who has stopped a turn. */
    private readonly home: () => HTMLElement,
  ) {
    this.stopButton = button("stop", "Stop", () => void this.stop(), icon("stop"), "Stop");
    this.line.append(
      this.spinner,
      this.words,
      this.elapsed,
      this.stored,
      this.demo,
      this.stopButton,
    );
    this.el = h(
      "div",
      { class: "ipc-turn-bar", "data-ipc": "turn-bar", tabindex: "-1" },
      this.line,
      this.failure.el,
    );
  }

  draw(state: State): void {
    const { turn } = state;
    const runs = running(state);
    if (turn?.turn_id !== this.turn?.turn_id) this.begin(turn);
    this.turn = turn;
    if (!runs && focusIn(this.el)) this.home().focus({ preventScroll: true });
    this.el.hidden = this.page.kind === "chat" ? !runs : !turn;
    this.el.dataset.state = turn?.status ?? "none";
    this.spinner.hidden = !runs;
    this.stopButton.hidden = !runs;
    this.stored.hidden = !turn?.stored;
    this.demo.hidden = !state.status.demo || this.page.kind === "chat";
    setText(this.words, words(state));
    this.tick();
    if (runs) this.timer ??= setInterval(() => this.tick(), TICK_MS);
    else this.destroy();
  }

  /** Ask the kernel to stop the turn; a failure shows here. */
  async stop(): Promise<void> {
    if (this.stopButton.disabled || this.stopButton.hidden) return;
    this.failure.clear();
    // A button that is disabled loses the focus.
    if (focusIn(this.el)) this.el.focus({ preventScroll: true });
    this.stopButton.disabled = true;
    setText(this.words, "Stopping…");
    try {
      await this.page.ask({ type: "stop" });
    } catch (error) {
      this.failure.show(error);
      this.stopButton.disabled = false;
    }
  }

  destroy(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private begin(turn: TurnState | null): void {
    this.stopButton.disabled = false;
    this.failure.clear();
    // A turn seen from its start is timed by this clock alone.
    const age = turn ? Date.now() - turn.started_at : 0;
    this.seenAt = Date.now() - Math.max(age, 0);
  }

  private tick(): void {
    const runs = this.turn?.status === "running" || this.turn?.status === "waiting";
    const ms = Date.now() - this.seenAt;
    setText(
      this.elapsed,
      runs ? seconds(Math.floor(ms / TICK_MS) * TICK_MS).replace(".0", "") : "",
    );
  }
}

export function demoBadge(): HTMLElement {
  return h("span", { class: "ipc-chip ipc-demo", "data-ipc": "demo" }, "Demo script, not Claude");
}

function words(state: State): string {
  const { turn } = state;
  const model = turn?.model ? `${modelName(turn.model)} · ` : "";
  switch (turn?.status) {
    case "running":
      return `${model}Working…`;
    case "waiting":
      return `${model}Waiting for your permission`;
    case undefined:
      return "";
    default:
      return (turn?.result && resultLine(turn.result)) || OVER[turn?.status ?? "done"];
  }
}

const OVER = { running: "", waiting: "", done: "Done", stopped: "Stopped", failed: "Failed" };
