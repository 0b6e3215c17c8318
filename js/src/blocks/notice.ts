import { h } from "../dom";
import { icon } from "../icons";
import type { NoticeBlock } from "../wire";
import type { BlockView } from "./types";

/** What we tell the reader: what happened, why, and what to do. */
export function noticeView(block: NoticeBlock): BlockView {
  if (block.kind === "compaction") return compactionView(block);
  const el = h(
    "div",
    { class: "ipc-notice", role: block.level === "error" ? "alert" : "note" },
    icon(block.level === "info" ? "bolt" : "warning"),
    h(
      "div",
      {},
      h("strong", {}, block.what),
      block.why && h("p", {}, block.why),
      block.fix && h("p", {}, block.fix),
    ),
  );
  el.dataset.state = block.level;
  return { el };
}

/** Where the conversation was compacted: a line across it. */
function compactionView({ what, why, fix }: NoticeBlock): BlockView {
  const el = h(
    "div",
    { class: "ipc-compaction", role: "note", title: [why, fix].filter(Boolean).join(" ") },
    h("span", {}, what),
  );
  return { el };
}
