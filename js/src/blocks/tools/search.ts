/** Searching files: what was found, by file. */

import { h } from "../../dom";
import { plural } from "../../format";
import { longText } from "../output";
import { type Input, resultText, type ToolView, text } from "./types";

const HIT = /^(.+?):(\d+)[:-](.*)$/;
/** More lines than this are shown as they are. */
const MOST = 2_000;

function found(content: unknown): string[] {
  const lines = resultText(content).split("\n");
  return lines.filter((each) => each.trim() && !/^(?:Found \d|No (?:files|matches))/.test(each));
}

function outcome(content: unknown, input: Input, isError: boolean): string {
  if (isError) return "";
  const count = found(content).length;
  const what = input.output_mode === "content" ? ["match", "matches"] : ["file", "files"];
  return count ? plural(count, what[0] as string, what[1]) : "nothing found";
}

function hits(lines: readonly RegExpExecArray[]): HTMLElement {
  const list = h("div", { class: "ipc-hits" });
  let file = "";
  for (const [, path, number, rest] of lines) {
    if (path !== file) list.append(h("div", { class: "ipc-hit-file" }, path ?? ""));
    file = path ?? "";
    list.append(
      h("div", { class: "ipc-hit" }, h("span", { class: "ipc-key" }, number), h("span", {}, rest)),
    );
  }
  return list;
}

function output(content: unknown, _input: Input, isError: boolean): HTMLElement | null {
  const lines = found(content);
  if (isError || !lines.length || lines.length > MOST) return null;
  const parsed = lines.map((each) => HIT.exec(each));
  if (parsed.every(Boolean)) return hits(parsed as RegExpExecArray[]);
  return h("div", { class: "ipc-output" }, longText(lines.join("\n")));
}

const summary = (input: Input): string =>
  [text(input.pattern), text(input.path) && `in ${text(input.path)}`].filter(Boolean).join(" ");

export const grep: ToolView = { icon: "search", summary, outcome, output };
export const glob: ToolView = { icon: "search", summary, outcome, output };
