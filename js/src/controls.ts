/** What the next turn runs with: model, effort, and what Claude may do without asking. */

import { h } from "./dom";
import type { Failure } from "./failure";
import { modelName } from "./format";
import type { Page } from "./page";
import type { State } from "./state";
import type { Status } from "./wire";

const MODES: Record<string, string> = {
  default: "Ask first",
  plan: "Plan only",
  acceptEdits: "Accept edits",
};
const MODELS: Record<string, string> = {
  default: "Default model",
  opus: "Opus",
  sonnet: "Sonnet",
  haiku: "Haiku",
};
const EFFORTS: Record<string, string> = {
  "": "Usual effort",
  low: "Low effort",
  medium: "Medium effort",
  high: "High effort",
  xhigh: "Very high effort",
  max: "Most effort",
};

export class Controls {
  readonly el: HTMLElement;
  private readonly model: HTMLSelectElement;
  private readonly effort: HTMLSelectElement;
  private readonly mode: HTMLSelectElement;
  private drawn: Status | null = null;

  constructor(
    private readonly page: Page,
    private readonly failure: Failure,
  ) {
    this.model = this.select("model", "Model", (value) => this.set({ model: value }));
    this.effort = this.select("effort", "Effort", (value) => this.set({ effort: value }));
    this.mode = this.select("mode", "What Claude may do", (value) =>
      this.set({ permission_mode: value }),
    );
    this.el = h("div", { class: "ipc-controls" }, this.mode, this.model, this.effort);
  }

  draw({ status }: State): void {
    if (status === this.drawn) return;
    this.drawn = status;
    fill(this.mode, MODES, status.permission_mode);
    fill(this.model, MODELS, status.model ?? "default");
    fill(this.effort, EFFORTS, status.effort ?? "");
    this.mode.dataset.state = status.permission_mode;
  }

  /** Turn plan mode on, or off again. */
  togglePlan(): void {
    const now = this.page.state.status.permission_mode;
    void this.set({ permission_mode: now === "plan" ? "default" : "plan" });
  }

  private select(hook: string, label: string, change: (value: string) => void): HTMLSelectElement {
    const made = h("select", {
      class: "ipc-select",
      "data-ipc": hook,
      "aria-label": label,
      title: `${label}, from the next turn on`,
      change: () => change(made.value),
    });
    return made;
  }

  private async set(change: Partial<Pick<Status, "model" | "permission_mode" | "effort">>) {
    this.failure.clear();
    const none = { model: null, permission_mode: null, effort: null };
    try {
      await this.page.ask({ type: "configure", ...none, ...change });
    } catch (error) {
      this.failure.show(error);
      this.drawn = null;
      this.draw(this.page.state);
    }
  }
}

/** Offer the choices, and the one that stands if it is another. */
function fill(select: HTMLSelectElement, choices: Record<string, string>, value: string): void {
  const all = Object.hasOwn(choices, value) ? choices : { ...choices, [value]: modelName(value) };
  select.replaceChildren(
    ...Object.entries(all).map(([each, words]) => h("option", { value: each }, words)),
  );
  select.value = value;
}
