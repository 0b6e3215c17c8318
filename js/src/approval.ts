/** One permission prompt: the real input, which may be edited, and its answers (S12). */

import { Amend } from "./amend";
import { inputElement, toolIcon, toolLabel } from "./blocks/tools";
import { standing } from "./cells";
import { button, focusIn, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import type { Approval } from "./wire";

type Scope = Approval["scope"];

export class ApprovalCard {
  readonly el: HTMLElement;
  private readonly plan: boolean;
  private readonly reason: HTMLInputElement;
  private readonly once: HTMLButtonElement;
  /** Answers that hold for later calls too. */
  private readonly lasting: HTMLButtonElement[];
  private readonly deny: HTMLButtonElement;
  private readonly amend: Amend;
  private readonly failure = new Failure();

  constructor(
    private readonly page: Page,
    private readonly approval: Approval,
  ) {
    this.plan = approval.tool_name === "ExitPlanMode";
    this.reason = this.makeReason();
    this.once = button("allow-once", "", () => void this.answer(true, "once"));
    this.once.classList.add("ipc-primary");
    this.lasting = this.plan || approval.person ? [] : this.makeLasting();
    const words = this.plan ? "Keep planning" : "Deny";
    this.deny = button("deny", words, () => void this.answer(false, "once"));
    this.deny.classList.add("ipc-danger");
    const { tool_name: tool, input } = approval;
    const cell = standing(page.model, String(input.cell ?? input.below ?? ""));
    this.amend = new Amend(tool, input, cell, () => this.offer());
    this.el = this.build();
    this.offer();
  }

  private build(): HTMLElement {
    const { approval } = this;
    const label = toolLabel(approval.tool_name);
    // What the call itself says below is not said twice.
    const said = Object.values(approval.input).includes(approval.description);
    const title = approval.title || (this.plan ? PLAN : `Claude wants to use ${label}`);
    const chip = h("span", { class: "ipc-chip" }, icon(toolIcon(approval.tool_name)), label);
    return h(
      "section",
      {
        class: "ipc-approval",
        role: "group",
        "aria-label": `Permission: ${title}`,
        // The next question gets the focus, not its answer: Enter twice must not allow it.
        tabindex: "-1",
        "data-ipc": "approval",
        "data-state": approval.status,
        "data-id": approval.client_id,
        "data-lm-suppress-shortcuts": "true",
        // Neither a letter nor Shift+Enter written here is meant for the host.
        keydown: (event) => event.stopPropagation(),
      },
      h(
        "div",
        { class: "ipc-approval-head" },
        icon("shield"),
        h("strong", { role: "alert" }, title),
        approval.title && chip,
      ),
      approval.description && !said && h("p", { class: "ipc-muted" }, approval.description),
      // What runs on another person's machine runs as Claude wrote it.
      approval.person ? inputElement(approval.tool_name, approval.input) : this.amend.el,
      approval.may_answer ? this.answers() : theirs(approval.person),
      this.failure.el,
    );
  }

  private answers(): HTMLElement {
    return h(
      "div",
      { class: "ipc-actions" },
      h("div", { class: "ipc-row" }, this.once, ...this.lasting),
      h("div", { class: "ipc-row" }, this.reason, this.deny),
    );
  }

  private makeReason(): HTMLInputElement {
    const words = this.plan ? "What to change" : "Reason for denying";
    return h("input", {
      type: "text",
      class: "ipc-field",
      "data-ipc": "approval-reason",
      placeholder: `${words} (optional)`,
      "aria-label": words,
      keydown: (event) => {
        const { key, isComposing } = event as KeyboardEvent;
        if (key !== "Enter" || isComposing) return;
        event.preventDefault();
        void this.answer(false, "once");
      },
    });
  }

  private makeLasting(): HTMLButtonElement[] {
    const { pattern } = this.approval;
    const session = button(
      "allow-session",
      "Allow for this session",
      () => void this.answer(true, "session"),
    );
    if (!pattern) return [session];
    const always = button(
      "allow-always",
      `Always for ${pattern}`,
      () => void this.answer(true, "always"),
      "Always for ",
      h("code", {}, pattern),
    );
    return [session, always];
  }

  /** What was edited runs as it stands there, once: a rule speaks of what Claude writes. */
  private offer(): void {
    const edited = this.amend?.edited;
    for (const each of this.lasting) each.hidden = Boolean(edited);
    const words = this.plan ? "Approve the plan" : edited ? "Run as edited" : "Allow once";
    setText(this.once, words);
    this.once.title = words;
    this.once.setAttribute("aria-label", words);
  }

  private async answer(allow: boolean, scope: Scope): Promise<void> {
    this.failure.clear();
    // A button that is disabled loses the focus.
    if (focusIn(this.el)) this.el.focus({ preventScroll: true });
    this.setBusy(true);
    try {
      await this.page.ask({
        type: "decide",
        approval_id: this.approval.client_id,
        allow,
        scope,
        pattern: scope === "always" ? this.approval.pattern : "",
        reason: allow ? "" : this.reason.value.trim(),
        input: allow ? this.amend.edited : null,
      });
    } catch (error) {
      this.failure.show(error);
      this.setBusy(false);
    }
  }

  private setBusy(busy: boolean): void {
    for (const each of [this.once, ...this.lasting, this.deny]) each.disabled = busy;
  }
}

const PLAN = "Claude has a plan";

/** What stands in the place of the answers where another person's machine asks. */
function theirs(person: string): HTMLElement {
  const words = `Asked on ${person}'s machine, where the tool would run: only they can answer.`;
  return h("p", { class: "ipc-muted", "data-ipc": "approval-theirs" }, words);
}
