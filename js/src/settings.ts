/** Model, permission mode, and the permissions that were remembered, each of which can be revoked. */

import { button, h } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import { Popover } from "./popover";
import type { State } from "./state";
import type { Rule } from "./wire";

const MODES: Record<string, string> = {
  default: "Ask before writing, running or fetching",
  plan: "Plan only: change nothing",
  acceptEdits: "Accept edits of files, ask for the rest",
};
const MODELS = ["opus", "sonnet", "haiku"];
let made = 0;

export class Settings {
  readonly el: HTMLElement;
  private readonly popover: Popover;
  private readonly model: HTMLInputElement;
  private readonly mode: HTMLSelectElement;
  private readonly rules = h("ul", { class: "ipc-rules", "data-ipc": "rules" });
  private readonly failure = new Failure();

  constructor(private readonly page: Page) {
    const opener = button("settings", "Model and permissions", () => undefined, icon("settings"));
    this.popover = new Popover(opener, "Model and permissions", "settings-panel", () => {
      this.fill(page.state);
      this.model.focus();
      void this.load();
    });
    const names = h("datalist", { id: `ipc-models-${++made}` });
    names.append(...MODELS.map((value) => h("option", { value })));
    this.model = h("input", {
      class: "ipc-field",
      list: names.id,
      placeholder: "default",
      "data-ipc": "model",
      change: () => this.configure(this.model.value.trim() || null, null),
    });
    this.mode = h("select", {
      class: "ipc-field",
      "data-ipc": "mode",
      change: () => this.configure(null, this.mode.value),
    });
    this.popover.panel.append(
      h("label", {}, "Model", this.model, names),
      h("label", {}, "Permissions", this.mode),
      h("p", { class: "ipc-muted" }, "Both hold from the next turn on."),
      h("div", { class: "ipc-label" }, "Remembered permissions"),
      this.rules,
      this.failure.el,
    );
    this.el = h("div", { class: "ipc-pop ipc-pop-end" }, opener, this.popover.panel);
  }

  destroy(): void {
    this.popover.destroy();
  }

  private fill({ status }: State): void {
    this.model.value = status.model ?? "";
    const modes = { ...MODES };
    modes[status.permission_mode] ??= status.permission_mode;
    this.mode.replaceChildren(
      ...Object.entries(modes).map(([value, words]) => h("option", { value }, words)),
    );
    this.mode.value = status.permission_mode;
  }

  private async configure(model: string | null, mode: string | null): Promise<void> {
    await this.guard(() => this.page.ask({ type: "configure", model, permission_mode: mode }));
    this.fill(this.page.state);
  }

  private load(): Promise<void> {
    return this.guard(async () => this.list((await this.page.ask({ type: "rules" })).rules));
  }

  private list(rules: readonly Rule[]): void {
    const rows = rules.map((rule) =>
      h(
        "li",
        { "data-ipc": "rule", "data-id": rule.client_id },
        h("span", {}, rule.behavior === "allow" ? "Allow " : "Deny ", h("code", {}, rule.pattern)),
        h("span", { class: "ipc-muted" }, rule.session_id ? "this session" : "always"),
        button("revoke", `Revoke ${rule.pattern}`, () => void this.revoke(rule), "Revoke"),
      ),
    );
    this.rules.replaceChildren(...rows);
    if (!rows.length) this.rules.append(h("li", { class: "ipc-muted" }, "None."));
  }

  private revoke(rule: Rule): Promise<void> {
    return this.guard(async () =>
      this.list((await this.page.ask({ type: "revoke", rule_id: rule.client_id })).rules),
    );
  }

  private async guard(ask: () => Promise<unknown>): Promise<void> {
    this.failure.clear();
    try {
      await ask();
    } catch (error) {
      this.failure.show(error);
    }
  }
}
