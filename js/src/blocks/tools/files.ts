/** Reading and changing files. */

import { h } from "../../dom";
import { codeBlock } from "../../markdown/code";
import { counts, diffElement, type Hunk, hunks } from "../diff";
import { fields } from "./fields";
import { type Input, language, resultText, type ToolView, text } from "./types";

/** The path, then the rest in order, then the change itself. */
function changeInput(input: Input, shown: readonly string[]): HTMLElement {
  const box = h("div", { class: "ipc-input" });
  const others = fields(input, shown);
  if (others) box.append(others);
  box.append(diffElement(changes(input)));
  return box;
}

/** What a call of `Edit`, `MultiEdit` or `Write` would change. */
function changes(input: Input): Hunk[] {
  if (typeof input.content === "string") return hunks("", input.content);
  const list = Array.isArray(input.edits) ? (input.edits as Input[]) : [input];
  return list.flatMap((edit) => hunks(text(edit?.old_string), text(edit?.new_string)));
}

function changed(_content: unknown, input: Input, isError: boolean): string {
  if (isError) return "";
  const { ins, del } = counts(changes(input));
  return [ins ? `+${ins}` : "", del ? `−${del}` : ""].filter(Boolean).join(" ");
}

const path = (input: Input): string => text(input.file_path) || text(input.notebook_path);

export const edit: ToolView = {
  icon: "edit",
  summary: path,
  input: (input) => changeInput(input, ["old_string", "new_string", "edits"]),
  outcome: changed,
};

export const write: ToolView = {
  icon: "edit",
  summary: path,
  input: (input) => changeInput(input, ["content"]),
  outcome: changed,
};

export const notebookEdit: ToolView = {
  icon: "edit",
  summary: path,
  input(input) {
    const box = h("div", { class: "ipc-input" });
    const others = fields(input, ["new_source"]);
    if (others) box.append(others);
    box.append(codeBlock(text(input.new_source), input.cell_type === "markdown" ? "md" : "python"));
    return box;
  },
};

/** The CLI numbers the lines of what it reads. */
const NUMBERED = /^ *(\d+)[→\t](.*)$/;

export const read: ToolView = {
  icon: "file",
  summary: path,
  outcome(content, _input, isError) {
    const count = resultText(content)
      .split("\n")
      .filter((each) => NUMBERED.test(each)).length;
    return isError || !count ? "" : `${count} lines`;
  },
  output(content, input, isError) {
    if (isError || typeof content !== "string") return null;
    const rows = content.split("\n").map((each) => NUMBERED.exec(each));
    const end = rows.findIndex((each) => !each);
    const kept = rows.slice(0, end < 0 ? rows.length : end) as RegExpExecArray[];
    if (!kept.length) return null;
    const code = codeBlock(kept.map((each) => each[2]).join("\n"), language(path(input)));
    const rest = end < 0 ? "" : content.split("\n").slice(end).join("\n").trim();
    const numbers = kept.map((each) => each[1]).join("\n");
    code
      .querySelector("pre")
      ?.before(h("pre", { class: "ipc-gutter", "aria-hidden": "true" }, numbers));
    code.classList.add("ipc-numbered");
    return h("div", { class: "ipc-output" }, code, rest && h("pre", { class: "ipc-pre" }, rest));
  },
};
