/** The permissions that were remembered, each of which can be revoked (S12). */

import { button, focusIn, h, keepFocus } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import { Popover } from "./popover";
import type { Rule } from "./wire";

export class Settings {
  readonly el: HTMLElement;
  readonly inHead = true;
  private readonly popover: Popover;
  private readonly rules = h("ul", { class: "ipc-rules", "data-ipc": "rules" });
  private readonly failure = new Failure();

  constructor(private readonly page: Page) {
    const label = "Remembered permissions";
    const opener = button("settings", label, () => undefined, icon("shield"));
    this.popover = new Popover(opener, label, "settings-panel", () => void this.load());
    this.popover.panel.append(
      h("div", { class: "ipc-label" }, label),
      h("p", { class: "ipc-muted" }, "What Claude may do, or must not, without asking."),
      this.rules,
      this.failure.el,
    );
    this.el = h("div", { class: "ipc-pop ipc-pop-end" }, opener, this.popover.panel);
  }

  destroy(): void {
    this.popover.destroy();
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
    if (!rows.length) rows.push(h("li", { class: "ipc-muted" }, "None."));
    const at = [...this.rules.children].findIndex((each) => focusIn(each));
    keepFocus(
      this.rules,
      () => this.rules.replaceChildren(...rows),
      () => rows[Math.min(at, rows.length - 1)]?.querySelector("button") ?? this.popover.panel,
    );
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
