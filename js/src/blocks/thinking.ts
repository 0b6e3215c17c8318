import { h, setText } from "../dom";
import { seconds } from "../format";
import { icon } from "../icons";
import type { ThinkingBlock } from "../wire";
import type { BlockContext, BlockView } from "./types";

/** Claude's thinking: folded, as plain text. */
export function thinkingView(block: ThinkingBlock, context: BlockContext): BlockView {
  const label = h("span");
  const body = h("div", { class: "ipc-thought" });
  const el = h(
    "details",
    { class: "ipc-thinking ipc-fold" },
    h("summary", {}, icon("chevron"), icon("thought"), label),
    body,
  );
  const finish = (): void => {
    el.dataset.state = "done";
    const took =
      block.duration_ms && block.duration_ms >= 1000 ? ` for ${seconds(block.duration_ms)}` : "";
    setText(label, `Thought${took}`);
    // Some models send a signature only.
    el.classList.toggle("ipc-empty", !body.textContent);
    if (!body.textContent) body.textContent = "The text of this thought was not sent.";
  };
  body.append(block.thinking);
  if (context.live) {
    el.dataset.state = "running";
    setText(label, "Thinking…");
  } else {
    finish();
  }
  return { el, feed: (text) => body.append(text), finish };
}
