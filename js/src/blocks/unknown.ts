import { h } from "../dom";
import { icon } from "../icons";
import type { ContentBlock } from "../wire";
import type { BlockView } from "./types";

/** A block that this version doesn't know: whole, folded (S7). */
export function unknownView(block: ContentBlock): BlockView {
  const raw = block.type === "unknown" ? block.raw : block;
  const type = (raw as { type?: unknown } | null)?.type;
  const name = typeof type === "string" ? type : "of no known kind";
  return {
    el: h(
      "details",
      { class: "ipc-fold ipc-unknown" },
      h("summary", {}, icon("chevron"), `Block ${name}`),
      h("pre", { class: "ipc-pre", tabindex: "0" }, JSON.stringify(raw, null, 2)),
    ),
  };
}
