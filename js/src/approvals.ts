/** The permission prompts that wait, one below the other (S12). */

import { ApprovalCard } from "./approval";
import { badge } from "./badge";
import { h, keepFocus, setText } from "./dom";
import type { Page } from "./page";
import type { State } from "./state";
import type { Approval } from "./wire";

export class Approvals {
  readonly el = h("div", { class: "ipc-approvals", "data-ipc": "approvals" });
  private readonly count = h("div", { class: "ipc-muted ipc-approval-count" });
  private readonly cards = new Map<string, HTMLElement>();
  private drawn: readonly Approval[] | null = null;

  constructor(
    private readonly page: Page,
    /** Where a person goes on who has answered the last question. */
    private readonly home: () => HTMLElement,
  ) {
    this.el.append(this.count);
  }

  draw({ approvals }: State): void {
    if (approvals === this.drawn) return;
    this.drawn = approvals;
    const pending = approvals.filter((each) => each.status === "pending");
    const mine = pending.filter((each) => each.may_answer).map((each) => each.client_id);
    badge(this, mine);
    keepFocus(
      this.el,
      () => this.show(pending),
      () => this.cards.values().next().value ?? this.home(),
    );
    setText(this.count, mine.length > 1 ? `${mine.length} questions wait for you.` : "");
  }

  destroy(): void {
    badge(this, []);
  }

  private show(pending: readonly Approval[]): void {
    const ids = new Set(pending.map((each) => each.client_id));
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      card.remove();
      this.cards.delete(id);
    }
    for (const approval of pending) {
      if (this.cards.has(approval.client_id)) continue;
      const card = new ApprovalCard(this.page, approval).el;
      this.cards.set(approval.client_id, card);
      this.el.append(card);
    }
  }
}
