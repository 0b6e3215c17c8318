import { h } from "../dom";
import { cost, modelName, seconds, tokens } from "../format";
import type { ResultBlock } from "../wire";
import type { BlockView } from "./types";

const WORDS = { done: "", stopped: "Stopped", failed: "Failed" } as const;

/** Model · seconds · tokens · cost, as far as they are known. */
export function resultLine(block: ResultBlock): string {
  const read = block.input_tokens + block.cache_read_tokens + block.cache_creation_tokens;
  return [
    WORDS[block.outcome],
    block.model ? modelName(block.model) : "",
    block.duration_ms ? seconds(block.duration_ms) : "",
    read || block.output_tokens ? `${tokens(read)} in, ${tokens(block.output_tokens)} out` : "",
    block.cost_usd ? cost(block.cost_usd) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** How a turn ended, in one quiet line; a structured answer below it. */
export function resultView(block: ResultBlock): BlockView {
  const el = h("div", { class: "ipc-result" }, h("span", {}, resultLine(block)));
  el.dataset.state = block.outcome;
  if (block.structured_output !== null && block.structured_output !== undefined) {
    const text = JSON.stringify(block.structured_output, null, 2);
    el.append(h("pre", { class: "ipc-pre", tabindex: "0" }, text));
  }
  return { el };
}
