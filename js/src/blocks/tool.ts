import { h } from "../dom";
import { icon } from "../icons";
import type {
  ServerToolResultBlock,
  ServerToolUseBlock,
  ToolResultBlock,
  ToolUseBlock,
} from "../wire";
import { outputElement } from "./output";
import type { BlockContext, BlockView } from "./types";

/** A call of a tool: its card. */
export function toolUseView(
  block: ToolUseBlock | ServerToolUseBlock,
  context: BlockContext,
): BlockView {
  const card = context.tools.add(block.id, block.name, block.input ?? {}, context.at);
  return { el: h("div", { class: "ipc-call" }, card.el) };
}

/** A result: inside the card of its call, or by itself where the call is not on the page. */
export function toolResultView(
  block: ToolResultBlock | ServerToolResultBlock,
  context: BlockContext,
): BlockView {
  const card = context.tools.get(block.tool_use_id);
  card?.setResult(block);
  // In a row that has calls, a result of another's stands in that other's row.
  if (card || context.tools.size) return { el: h("div", { hidden: true }), elsewhere: true };
  const el = h(
    "details",
    { class: "ipc-fold ipc-tool" },
    h("summary", {}, icon("chevron"), icon("tool"), "Result of an earlier call"),
    outputElement(block.content),
  );
  el.dataset.state = "is_error" in block && block.is_error ? "error" : "ok";
  return { el };
}
