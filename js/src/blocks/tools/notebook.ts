/** The notebook lent to Claude: its code, and its cells. */

import { h } from "../../dom";
import { codeBlock } from "../../markdown/code";
import { fields } from "./fields";
import { type Input, type ToolView, text } from "./types";

/** The source, coloured; what else the input says above it. */
function source(input: Input, name: string): HTMLElement {
  const box = h("div", { class: "ipc-input" });
  const others = fields(input, [name]);
  if (others) box.append(others);
  box.append(codeBlock(text(input[name]), input.kind === "markdown" ? "markdown" : "python"));
  return box;
}

const cell = (input: Input): string => text(input.cell) && `cell ${text(input.cell).slice(0, 8)}`;

const output = (input: Input): string => {
  const from = typeof input.start === "number" && input.start > 0 ? input.start : 0;
  return `${cell(input)}${from ? ` from character ${from.toLocaleString()}` : ""}`;
};

const runPython: ToolView = {
  icon: "play",
  label: "Run Python",
  edits: "code",
  running: "What it shows stands in the notebook as it comes.",
  summary: (input) => text(input.code),
  input: (input) => source(input, "code"),
};

const writes: ToolView = {
  icon: "cell",
  edits: "source",
  summary: (input) => text(input.source),
  input: (input) => source(input, "source"),
};

/** By the names that the CLI gives the tools of the server `notebook`. */
export const NOTEBOOK: Record<string, ToolView> = {
  mcp__notebook__run_python: runPython,
  mcp__notebook__insert_cell: { ...writes, label: "Insert cell" },
  mcp__notebook__edit_cell: { ...writes, label: "Edit cell" },
  mcp__notebook__delete_cell: { icon: "trash", label: "Delete cell", summary: cell },
  mcp__notebook__run_cell: { icon: "play", label: "Run cell", summary: cell },
  mcp__notebook__read_notebook: { icon: "file", label: "Read notebook" },
  mcp__notebook__read_output: { icon: "file", label: "Read output", summary: output },
  mcp__notebook__list_variables: { icon: "list", label: "List variables" },
  mcp__notebook__inspect_variable: {
    icon: "search",
    label: "Inspect variable",
    summary: (input) => text(input.name),
  },
  mcp__notebook__install_package: {
    icon: "plus",
    label: "Install package",
    summary: (input) => Object.values(input).map(text).filter(Boolean).join(" "),
  },
};
