import { h } from "../dom";
import { icon } from "../icons";
import { MarkdownView } from "../markdown";
import type { TextBlock } from "../wire";
import { longText } from "./output";
import type { BlockContext, BlockView } from "./types";

/** How the kernel writes a file, a cell or a variable that goes along (attachments.py). */
const ALONG = /^<(?:file path|variable name)="([^"]*)"[^>]*>\n([\s\S]*)\n<\/(?:file|variable)>$/;

function attachment(name: string, text: string): HTMLElement {
  return h(
    "details",
    { class: "ipc-fold ipc-along" },
    h("summary", {}, icon("chevron"), icon("clip"), h("span", {}, name)),
    longText(text),
  );
}

/** Markdown, drawn as it arrives. */
export function textView(block: TextBlock, context: BlockContext): BlockView {
  const along = context.byPerson ? ALONG.exec(block.text) : null;
  if (along) return { el: attachment(along[1] ?? "", along[2] ?? "") };
  const view = new MarkdownView(context.byPerson);
  view.feed(block.text);
  if (!context.live) view.finish();
  return {
    el: h("div", { class: "ipc-text" }, view.el),
    feed: (text) => view.feed(text),
    finish: () => view.finish(),
  };
}
