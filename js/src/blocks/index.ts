/** Which view draws which block. To add one: a file here and a line in `VIEWS`. */

import type { ContentBlock, ContentType } from "../wire";
import { imageView } from "./image";
import { noticeView } from "./notice";
import { resultView } from "./result";
import { textView } from "./text";
import { thinkingView } from "./thinking";
import { toolResultView, toolUseView } from "./tool";
import type { BlockContext, BlockView } from "./types";
import { unknownView } from "./unknown";

export type { BlockContext, BlockView } from "./types";

type Maker<T extends ContentType> = (
  block: Extract<ContentBlock, { type: T }>,
  context: BlockContext,
) => BlockView;

const VIEWS: { [T in ContentType]: Maker<T> } = {
  text: textView,
  thinking: thinkingView,
  tool_use: toolUseView,
  tool_result: toolResultView,
  server_tool_use: toolUseView,
  server_tool_result: toolResultView,
  image: imageView,
  notice: noticeView,
  result: resultView,
  unknown: unknownView,
};

/** Make the view of a block; one of a kind that is newer than this page is shown as it is (S7). */
export function blockView(block: ContentBlock, context: BlockContext): BlockView {
  const make = Object.hasOwn(VIEWS, block.type) ? VIEWS[block.type] : unknownView;
  const view = (make as Maker<ContentType>)(block as never, context);
  view.el.setAttribute("data-ipc", "block");
  view.el.setAttribute("data-block", block.type);
  return view;
}
