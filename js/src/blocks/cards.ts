/** Tool calls as cards, and where each result finds its own. */

import { h, setText } from "../dom";
import { seconds } from "../format";
import { icon } from "../icons";
import { everySecond } from "../ticking";
import { TodoRows } from "../todolist";
import type { Approval, ServerToolResultBlock, Todo, ToolResultBlock } from "../wire";
import { Printed } from "./printed";
import {
  inputElement,
  outcome,
  runningWords,
  summary,
  toolIcon,
  toolLabel,
  toolOutput,
} from "./tools";

type Result = ToolResultBlock | ServerToolResultBlock;
type Input = Record<string, unknown>;

const STATE_WORDS = { running: "running", ok: "done", error: "failed", ended: "no result" };
/** A call that takes no longer (ms) says nothing of its time. */
const PATIENCE_MS = 2_000;
type CardState = keyof typeof STATE_WORDS;

/** One call: head with a one-line summary, folded input and result, a subagent's messages. */
export class ToolCard {
  readonly el: HTMLDetailsElement;
  /** Where a subagent's messages go. */
  readonly children = h("div", { class: "ipc-children" });
  private readonly summaryText = h("code", { class: "ipc-tool-summary" });
  private readonly outcome = h("span", { class: "ipc-muted ipc-outcome" });
  private readonly decision = h("span", { class: "ipc-chip", hidden: true });
  private readonly mark = h("span", { class: "ipc-mark" });
  /** What it printed last, in the head of a folded card while it runs. */
  private readonly latest = h("code", { class: "ipc-latest", "aria-hidden": "true" });
  private readonly todos = new TodoRows();
  private readonly body = h("div", { class: "ipc-tool-body" });
  private readonly printed = new Printed();
  private result: Result | null = null;
  private drawn = false;
  private since: number;
  private asks = false;
  /** What it ran with, where that is not what the call says. */
  private edited = false;
  private ran: Input | null = null;

  constructor(
    private name: string,
    private input: Input,
    at: number,
  ) {
    // Another machine's clock may be ahead of this page's.
    this.since = Math.min(at || Date.now(), Date.now());
    this.el = h(
      "details",
      { class: "ipc-fold ipc-tool", "data-tool": name, toggle: () => this.draw() },
      h(
        "summary",
        {},
        icon("chevron"),
        icon(toolIcon(name)),
        h("span", { class: "ipc-tool-name" }, toolLabel(name)),
        this.summaryText,
        this.outcome,
        this.decision,
        this.mark,
        this.latest,
      ),
      this.body,
      this.todos.el,
      this.children,
    );
    this.setInput(name, input);
    this.setState("running");
  }

  setInput(name: string, input: Input): void {
    this.name = name;
    this.input = input;
    setText(this.summaryText, summary(name, this.ran ?? input));
    this.redraw();
  }

  setResult(result: Result): void {
    this.result = result;
    const isError = failed(result);
    this.setState(isError ? "error" : "ok");
    setText(this.outcome, outcome(this.name, result.content, this.input, isError));
    this.redraw();
  }

  setApproval(approval: Approval): void {
    const words = {
      pending: "waits for you",
      allowed: approval.scope === "once" ? "allowed" : `allowed: ${approval.scope}`,
      denied: "denied",
      cancelled: "cancelled",
    }[approval.status];
    setText(this.decision, words);
    this.decision.hidden = false;
    this.asks = approval.status === "pending";
    this.since = Math.min(approval.decided_at ?? this.since, Date.now());
    this.decision.dataset.state = approval.status;
    if (approval.status === "allowed" && approval.edited_input) {
      setText(this.decision, "allowed, edited");
      this.edited = true;
      this.run(approval.edited_input);
    } else if (!Object.keys(this.input).length) {
      // A plan stands in a file: only the question holds its words.
      this.run(approval.input);
    }
  }

  private run(input: Input): void {
    if (JSON.stringify(this.ran) === JSON.stringify(input)) return;
    this.ran = input;
    setText(this.summaryText, summary(this.name, input));
    this.redraw();
  }

  /** The to-dos of the subagent that this call began. */
  setTodos(todos: readonly Todo[]): void {
    this.todos.draw(todos);
  }

  /** What it has printed so far, while it runs. */
  setPrinted(text: string): void {
    if (this.result) return;
    const first = this.printed.empty;
    this.printed.show(text);
    setText(this.latest, this.printed.latest);
    if (first) this.redraw();
  }

  /** Count how long it has been running, while it is in the document. */
  resume(): void {
    if (this.el.dataset.state === "running") everySecond(this.tick);
  }

  private readonly tick = (): boolean => {
    if (this.el.dataset.state !== "running") return false;
    const ms = Date.now() - this.since;
    const counts = !this.asks && ms >= PATIENCE_MS;
    setText(this.outcome, counts ? seconds(Math.floor(ms / 1000) * 1000).replace(".0", "") : "");
    return this.el.isConnected;
  };

  /** The turn is over: what has no result will get none. */
  settle(): void {
    if (this.result) return;
    this.setState("ended");
    setText(this.outcome, "");
  }

  private setState(state: CardState): void {
    this.el.dataset.state = state;
    const sign = { running: null, ok: icon("check"), error: icon("cross"), ended: null }[state];
    this.mark.replaceChildren(
      sign ?? "",
      h("span", { class: "ipc-offscreen" }, STATE_WORDS[state]),
    );
  }

  private redraw(): void {
    this.drawn = false;
    if (this.el.open) this.draw();
  }

  /** The body is made when it is opened: most never are. */
  private draw(): void {
    if (this.drawn || !this.el.open) return;
    this.drawn = true;
    this.body.replaceChildren(
      h("div", { class: "ipc-label" }, this.edited ? "Input, as you edited it" : "Input"),
      inputElement(this.name, this.ran ?? this.input),
    );
    if (!this.result) this.drawRunning();
    else this.drawResult(this.result);
  }

  private drawRunning(): void {
    const words = runningWords(this.name);
    if (!this.printed.empty) {
      this.body.append(h("div", { class: "ipc-label" }, "Printed so far"), this.printed.el);
      this.printed.toEnd();
    } else if (words && this.el.dataset.state === "running") {
      this.body.append(h("div", { class: "ipc-muted" }, words));
    }
  }

  private drawResult(result: Result): void {
    this.body.append(
      h("div", { class: "ipc-label" }, "Result"),
      toolOutput(this.name, result.content, this.input, failed(result)),
    );
  }
}

function failed(result: Result): boolean {
  return "is_error" in result && result.is_error === true;
}

/** The cards of a row, by the call's id. */
export class ToolCards {
  private readonly cards = new Map<string, ToolCard>();

  add(id: string, name: string, input: Input, at = 0): ToolCard {
    const known = this.cards.get(id);
    if (known) {
      known.setInput(name, input);
      return known;
    }
    const card = new ToolCard(name, input, at);
    this.cards.set(id, card);
    return card;
  }

  get(id: string | null): ToolCard | undefined {
    return id === null ? undefined : this.cards.get(id);
  }

  get size(): number {
    return this.cards.size;
  }

  approvals(approvals: readonly Approval[]): void {
    if (!this.cards.size) return;
    for (const each of approvals) this.cards.get(each.tool_use_id)?.setApproval(each);
  }

  todos(todos: readonly Todo[]): void {
    for (const [id, card] of this.cards) {
      card.setTodos(todos.filter((each) => each.parent_tool_use_id === id));
    }
  }

  printed(printed: ReadonlyMap<string, string>): void {
    for (const [id, text] of printed) this.cards.get(id)?.setPrinted(text);
  }

  settle(): void {
    for (const card of this.cards.values()) card.settle();
  }

  resume(): void {
    for (const card of this.cards.values()) card.resume();
  }
}
