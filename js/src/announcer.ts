/** Tells a screen reader what became of a turn, once: nothing is read out while words stream. */

import { h } from "./dom";
import { answerOf, type State } from "./state";

/** So much of an answer (characters) is read out; the rest is there to be read. */
const MOST = 400;

export class Announcer {
  readonly el = h("div", {
    class: "ipc-offscreen",
    role: "status",
    "aria-live": "polite",
    "data-ipc": "announcer",
  });
  /** The last turn's state that was told; undefined until the first snapshot. */
  private told: string | undefined;

  draw(state: State): void {
    if (!state.ready) return;
    const { turn } = state;
    const now = turn ? `${turn.turn_id} ${turn.status}` : "";
    if (now === this.told) return;
    const first = this.told === undefined;
    this.told = now;
    // What was so when the view came is no news.
    if (!first) this.el.textContent = words(state);
  }
}

/** What stands in the turn's last error: what went wrong, and what to do. */
function whyFailed({ entries }: State, turnId: string): string {
  const last = entries
    .flatMap((each) => (each.turnId === turnId ? (each.message?.content ?? []) : []))
    .findLast((each) => each.type === "notice" && each.level === "error");
  return last?.type === "notice" ? `${last.what} ${last.fix}` : "";
}

function words(state: State): string {
  const { turn } = state;
  switch (turn?.status) {
    case "running":
      return "Claude is working.";
    case "stopped":
      return "Stopped.";
    case "failed":
      return `The turn failed. ${whyFailed(state, turn.turn_id)}`.trim();
    case "done": {
      const answer = answerOf(state, turn.turn_id).replace(/[*_`#>|]+/g, "");
      const cut = answer.length > MOST ? `${answer.slice(0, MOST)}…` : answer;
      return `Claude answered: ${cut || "nothing"}`;
    }
    default:
      // A permission prompt is an alert of its own.
      return "";
  }
}
