/** Permission prompts: the real input, and four answers (S12). */

import { badge } from "./badge";
import { inputElement, toolIcon, toolLabel } from "./blocks/tools";
import { button, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import type { State } from "./state";
import type { Approval } from "./wire";

type Scope = Approval["scope"];

export class Approvals {
  readonly el = h("div", { class: "ipc-approvals", "data-ipc": "approvals" });
  private readonly count = h("div", { class: "ipc-muted ipc-approval-count" });
  private readonly cards = new Map<string, HTMLElement>();
  private drawn: readonly Approval[] | null = null;

  constructor(private readonly page: Page) {
    this.el.append(this.count);
  }

  draw({ approvals }: State): void {
    if (approvals === this.drawn) return;
    this.drawn = approvals;
    const pending = approvals.filter((each) => each.status === "pending");
    badge(this, pending.length);
    const ids = new Set(pending.map((each) => each.client_id));
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      card.remove();
      this.cards.delete(id);
    }
    for (const approval of pending) {
      if (this.cards.has(approval.client_id)) continue;
      const card = this.card(approval);
      this.cards.set(approval.client_id, card);
      this.el.append(card);
    }
    setText(this.count, pending.length > 1 ? `${pending.length} questions wait for you.` : "");
  }

  destroy(): void {
    badge(this, 0);
  }

  private card(approval: Approval): HTMLElement {
    const failure = new Failure();
    const reason = h("input", {
      type: "text",
      class: "ipc-field",
      "data-ipc": "approval-reason",
      placeholder: "Reason for denying (optional)",
      "aria-label": "Reason for denying",
    });
    const answer = async (allow: boolean, scope: Scope): Promise<void> => {
      failure.clear();
      setBusy(true);
      try {
        await this.page.ask({
          type: "decide",
          approval_id: approval.client_id,
          allow,
          scope,
          pattern: scope === "always" ? approval.pattern : "",
          reason: allow ? "" : reason.value.trim(),
        });
      } catch (error) {
        failure.show(error);
        setBusy(false);
      }
    };
    const actions = this.actions(approval, answer, reason);
    const setBusy = (busy: boolean): void => {
      for (const each of actions.querySelectorAll("button")) each.disabled = busy;
    };
    const label = toolLabel(approval.tool_name);
    // What the call itself says below is not said twice.
    const said = Object.values(approval.input).includes(approval.description);
    const title = approval.title || `Claude wants to use ${label}`;
    const el = h(
      "section",
      {
        class: "ipc-approval",
        role: "group",
        "aria-label": `Permission: ${title}`,
        "data-ipc": "approval",
        "data-state": approval.status,
        "data-id": approval.client_id,
      },
      h(
        "div",
        { class: "ipc-approval-head" },
        icon("shield"),
        h("strong", { role: "alert" }, title),
        approval.title &&
          h("span", { class: "ipc-chip" }, icon(toolIcon(approval.tool_name)), label),
      ),
      approval.description && !said && h("p", { class: "ipc-muted" }, approval.description),
      inputElement(approval.tool_name, approval.input),
      actions,
      failure.el,
    );
    return el;
  }

  private actions(
    approval: Approval,
    answer: (allow: boolean, scope: Scope) => void,
    reason: HTMLInputElement,
  ): HTMLElement {
    const plan = approval.tool_name === "ExitPlanMode";
    const words = plan ? "Approve the plan" : "Allow once";
    const once = button("allow-once", words, () => answer(true, "once"));
    once.classList.add("ipc-primary");
    const session = button("allow-session", "Allow for this session", () =>
      answer(true, "session"),
    );
    const always = approval.pattern
      ? button(
          "allow-always",
          `Always for ${approval.pattern}`,
          () => answer(true, "always"),
          "Always for ",
          h("code", {}, approval.pattern),
        )
      : null;
    const deny = button("deny", plan ? "Keep planning" : "Deny", () => answer(false, "once"));
    deny.classList.add("ipc-danger");
    reason.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      answer(false, "once");
    });
    return h(
      "div",
      { class: "ipc-actions" },
      h("div", { class: "ipc-row" }, once, session, always),
      h("div", { class: "ipc-row" }, reason, deny),
    );
  }
}
