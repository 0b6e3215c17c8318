/** What an edit changes: lines by jsdiff, with the words that differ marked within a line. */

import { diffLines as compare, diffWordsWithSpace } from "diff";
import { button, h } from "../dom";
import { plural } from "../format";

/** A stretch of equal lines, or one that was replaced (either side may be empty). */
export interface Hunk {
  readonly same: readonly string[];
  readonly del: readonly string[];
  readonly ins: readonly string[];
}

/** A comparison that takes longer (ms) is given up: all is shown as removed and added. */
const PATIENCE_MS = 300;
/** Unchanged lines shown around a change; more are folded away. */
const CONTEXT = 3;
/** Longer lines (characters) are not compared word by word. */
const LONGEST = 1_000;

function lines(text: string): string[] {
  if (text === "") return [];
  return text.replace(/\n$/, "").split("\n");
}

/** Compare two texts by lines. */
export function hunks(before: string, after: string): Hunk[] {
  // A last line without its end would differ from the same line with one.
  const end = before.endsWith("\n") || after.endsWith("\n") ? "" : "\n";
  const [a, b] = [before && before + end, after && after + end];
  const parts = compare(a, b, { timeout: PATIENCE_MS });
  if (!parts) return [{ same: [], del: lines(before), ins: lines(after) }];
  const found: { same: string[]; del: string[]; ins: string[] }[] = [];
  for (const { value, added, removed } of parts) {
    const last = found.at(-1);
    const change = last && !last.same.length ? last : null;
    if (added && change) change.ins.push(...lines(value));
    else if (removed && change) change.del.push(...lines(value));
    else {
      const all = lines(value);
      const side = { same: [] as string[], del: [] as string[], ins: [] as string[] };
      side[added ? "ins" : removed ? "del" : "same"] = all;
      found.push(side);
    }
  }
  return found;
}

/** How many lines are added and removed. */
export function counts(all: readonly Hunk[]): { ins: number; del: number } {
  const sum = (side: "ins" | "del") => all.reduce((so, each) => so + each[side].length, 0);
  return { ins: sum("ins"), del: sum("del") };
}

/** Draw a comparison. The marks are text, so that colour is not all that tells. */
export function diffElement(all: readonly Hunk[]): HTMLElement {
  const el = h("div", { class: "ipc-diff", "data-ipc": "diff", tabindex: "0", role: "group" });
  el.setAttribute("aria-label", "Changes");
  all.forEach((hunk, at) => {
    if (hunk.same.length) el.append(...unchanged(hunk.same, at > 0, at < all.length - 1));
    else el.append(...changed(hunk));
  });
  return el;
}

function line(kind: "same" | "del" | "ins", ...text: (Node | string)[]): HTMLElement {
  const mark = { same: "  ", del: "- ", ins: "+ " }[kind];
  return h("div", { class: `ipc-diff-${kind}` }, mark, ...text);
}

/** Equal lines, of which those far from any change are folded. */
function unchanged(same: readonly string[], above: boolean, below: boolean): HTMLElement[] {
  const head = above ? CONTEXT : 0;
  const tail = below ? CONTEXT : 0;
  const draw = (some: readonly string[]) => some.map((text) => line("same", text));
  const hidden = same.slice(head, same.length - tail);
  if (hidden.length < 4) return draw(same);
  const fold = h("div", { class: "ipc-diff-fold" });
  const label = `Show ${plural(hidden.length, "unchanged line")}`;
  fold.append(button("unfold", label, () => fold.replaceWith(...draw(hidden)), label));
  return [...draw(same.slice(0, head)), fold, ...draw(same.slice(same.length - tail))];
}

/** Removed, then added lines; where as many came as went, what differs within each is marked. */
function changed({ del, ins }: Hunk): HTMLElement[] {
  if (del.length !== ins.length) {
    return [...del.map((text) => line("del", text)), ...ins.map((text) => line("ins", text))];
  }
  const pairs = del.map((text, at) => words(text, ins[at] ?? ""));
  return [
    ...pairs.map(([before]) => line("del", ...before)),
    ...pairs.map(([, after]) => line("ins", ...after)),
  ];
}

type Parts = (Node | string)[];

function words(before: string, after: string): [Parts, Parts] {
  if (before.length + after.length > LONGEST) return [[before], [after]];
  const parts = diffWordsWithSpace(before, after);
  const side = (skip: "added" | "removed", mark: "added" | "removed"): Parts =>
    parts
      .filter((part) => !part[skip])
      .map((part) => (part[mark] ? h("mark", {}, part.value) : part.value));
  return [side("added", "removed"), side("removed", "added")];
}
