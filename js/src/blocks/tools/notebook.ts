/** The notebook lent to Claude: its code, and its cells. */

import type { Standing } from "../../cells";
import { h } from "../../dom";
import { icon } from "../../icons";
import { codeBlock } from "../../markdown/code";
import { diffElement, hunks } from "../diff";
import { fields } from "./fields";
import { type Input, type ToolView, text } from "./types";

type Cell = Standing | null;

/** What the input says, without these fields; the cell is called as its reader knows it. */
function head(input: Input, cell: Cell, shown: readonly string[] = []): HTMLElement {
  const key = "cell" in input ? "cell" : "below";
  const name = key === "cell" ? cell?.name.replace("cell ", "") : cell?.name;
  const known = name ? { ...input, [key]: `${name}, id ${text(input[key])}` } : input;
  return h("div", { class: "ipc-input" }, fields(known, shown));
}

/** Code or words, coloured. */
function coloured(source: string, kind: unknown): HTMLElement {
  return codeBlock(source, kind === "markdown" ? "markdown" : "python");
}

/** The source that the input holds, if it does, below what else it says. */
function source(input: Input, name: string, cell: Cell = null): HTMLElement {
  const box = head(input, cell, [name]);
  const held = text(input[name]);
  if (held) box.append(coloured(held, input.kind));
  return box;
}

/** What would change in the cell, and its new source, folded; only that where no cell is known. */
function change(input: Input, cell: Cell): HTMLElement {
  if (!cell) return source(input, "source");
  const made = text(input.source);
  const whole = h("details", { class: "ipc-fold" }, h("summary", {}, icon("chevron"), WHOLE));
  whole.append(coloured(made, cell.kind));
  const box = head(input, cell, ["source"]);
  box.append(diffElement(hunks(cell.source, made)), whole);
  return box;
}

const WHOLE = "The whole new source";

/** The cell itself: an id tells nobody what is deleted or run. */
function itself(input: Input, cell: Cell): HTMLElement | null {
  if (!cell) return null;
  const box = head(input, cell);
  box.append(coloured(cell.source, cell.kind));
  return box;
}

function packages(input: Input): string[] {
  const named = Array.isArray(input.packages) ? input.packages : [input.packages];
  return named.map(text).filter(Boolean);
}

function install(input: Input): HTMLElement {
  const quoted = packages(input).map((each) => JSON.stringify(each));
  const box = h("div", { class: "ipc-input" }, fields(input, ["packages"]));
  box.append(
    codeBlock(`pip install ${quoted.join(" ")}`, "bash"),
    h("div", { class: "ipc-muted" }, "Into the environment of this notebook's kernel."),
  );
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
  input: (input, cell) => source(input, "source", cell),
};

/** By the names that the CLI gives the tools of the server `notebook`. */
export const NOTEBOOK: Record<string, ToolView> = {
  mcp__notebook__run_python: runPython,
  mcp__notebook__insert_cell: { ...writes, label: "Insert cell" },
  mcp__notebook__edit_cell: { ...writes, label: "Edit cell", input: change },
  mcp__notebook__delete_cell: {
    icon: "trash",
    label: "Delete cell",
    summary: cell,
    input: itself,
  },
  mcp__notebook__run_cell: {
    icon: "play",
    label: "Run cell",
    summary: cell,
    input: itself,
  },
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
    summary: (input) => packages(input).join(" "),
    input: install,
  },
};
