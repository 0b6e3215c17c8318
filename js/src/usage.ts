/** What the session used, by day and in total: behind what stands of it in the state line. */

import { button, h } from "./dom";
import { Failure } from "./failure";
import { cost, tokens } from "./format";
import type { Page } from "./page";
import { Popover } from "./popover";
import type { Used } from "./wire";

const COLUMNS = ["", "Turns", "Tokens in", "Tokens out", "Cost"];

export class Usage {
  readonly el: HTMLElement;
  private readonly popover: Popover;
  private readonly table = h("div", { "data-ipc": "used" });
  private readonly failure = new Failure();

  constructor(
    private readonly page: Page,
    words: HTMLElement,
  ) {
    const label = "What this session used";
    const opener = button("usage", label, () => undefined, words);
    opener.removeAttribute("aria-label"); // its words say more
    this.popover = new Popover(opener, label, "usage-panel", () => void this.load());
    this.popover.panel.append(h("div", { class: "ipc-label" }, label), this.table, this.failure.el);
    this.el = h(
      "span",
      { class: "ipc-pop ipc-pop-end ipc-usage", hidden: true },
      opener,
      this.popover.panel,
    );
  }

  destroy(): void {
    this.popover.destroy();
  }

  private async load(): Promise<void> {
    this.failure.clear();
    try {
      const { days } = await this.page.ask({ type: "usage" });
      this.table.replaceChildren(days.length ? drawn(days) : "Nothing yet.");
    } catch (error) {
      this.failure.show(error);
    }
  }
}

function drawn(days: readonly Used[]): HTMLElement {
  const sum = (of: (day: Used) => number) => days.reduce((so, each) => so + of(each), 0);
  const total = {
    day: "In total",
    turns: sum((each) => each.turns),
    input_tokens: sum((each) => each.input_tokens),
    output_tokens: sum((each) => each.output_tokens),
    cost_usd: sum((each) => each.cost_usd),
  };
  const head = COLUMNS.map((each) => h(each ? "th" : "td", each ? { scope: "col" } : {}, each));
  return h(
    "table",
    { class: "ipc-used" },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...days.map(row)),
    h("tfoot", {}, row(total)),
  );
}

function row({ day, turns, input_tokens, output_tokens, cost_usd }: Used): HTMLElement {
  const cells = [`${turns}`, tokens(input_tokens), tokens(output_tokens), cost(cost_usd)];
  return h("tr", {}, h("th", { scope: "row" }, day), ...cells.map((each) => h("td", {}, each)));
}
