import { h } from "../dom";
import { MarkdownView } from "../markdown";
import type { TextBlock } from "../wire";
import type { BlockContext, BlockView } from "./types";

/** Markdown, drawn as it arrives. */
export function textView(block: TextBlock, context: BlockContext): BlockView {
  const view = new MarkdownView(context.byPerson);
  view.feed(block.text);
  if (!context.live) view.finish();
  return {
    el: h("div", { class: "ipc-text" }, view.el),
    feed: (text) => view.feed(text),
    finish: () => view.finish(),
  };
}
