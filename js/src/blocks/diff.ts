/** A plain line diff of two texts, and its drawing. */

import { h } from "../dom";

export type DiffLine = readonly [mark: " " | "-" | "+", text: string];

/** Above this product of lengths (lines²) the texts are shown as removed and added. */
const MOST = 250_000;

/** Compare two texts by lines (longest common subsequence). */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  const most = Math.min(a.length, b.length) - start;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (line: string): DiffLine => [" ", line];
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...(end ? a.slice(-end).map(same) : []),
  ];
}

function middle(a: string[], b: string[]): DiffLine[] {
  if (a.length * b.length > MOST) {
    return [...a.map((line): DiffLine => ["-", line]), ...b.map((line): DiffLine => ["+", line])];
  }
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push([" ", a[i++] ?? ""]);
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(["-", a[i++] ?? ""]);
    } else {
      lines.push(["+", b[j++] ?? ""]);
    }
  }
  return lines;
}

const KIND = { " ": "same", "-": "del", "+": "ins" } as const;

/** Draw a diff. The marks are text, so that colour is not all that tells. */
export function diffElement(lines: readonly DiffLine[]): HTMLElement {
  const el = h("div", { class: "ipc-diff", "data-ipc": "diff", tabindex: "0" });
  for (const [mark, text] of lines) {
    el.append(h("div", { class: `ipc-diff-${KIND[mark]}` }, `${mark} ${text}`));
  }
  return el;
}
