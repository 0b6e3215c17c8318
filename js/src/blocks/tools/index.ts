/** Which tool is shown how. To add one: a view, and a line in `TOOLS`. */

import type { Standing } from "../../cells";
import { h } from "../../dom";
import type { IconName } from "../../icons";
import { codeBlock } from "../../markdown/code";
import { outputElement } from "../output";
import { plan, task, taskCreate, taskUpdate, todoWrite } from "./agents";
import { fields } from "./fields";
import { edit, notebookEdit, read, write } from "./files";
import { NOTEBOOK } from "./notebook";
import { glob, grep } from "./search";
import { bash } from "./shell";
import { type Input, type ToolView, text } from "./types";
import { fetched, search } from "./web";

const TOOLS: Record<string, ToolView> = {
  Agent: task,
  Bash: bash,
  Edit: edit,
  ExitPlanMode: plan,
  Glob: glob,
  Grep: grep,
  MultiEdit: edit,
  NotebookEdit: notebookEdit,
  Read: read,
  Skill: { icon: "bolt", summary: (input) => text(input.skill) },
  Task: task,
  TaskCreate: taskCreate,
  TaskList: { icon: "list" },
  TaskUpdate: taskUpdate,
  TodoWrite: todoWrite,
  ToolSearch: { icon: "search", summary: (input) => text(input.query) },
  WebFetch: fetched,
  WebSearch: search,
  Write: write,
  web_fetch: fetched,
  web_search: search,
  ...NOTEBOOK,
};

const SUMMARY_LENGTH = 200;

function viewOf(name: string): ToolView {
  return (Object.hasOwn(TOOLS, name) && TOOLS[name]) || {};
}

export function toolIcon(name: string): IconName {
  return viewOf(name).icon ?? "tool";
}

/** `mcp__server__tool` is read as `server: tool`. */
export function toolLabel(name: string): string {
  const own = viewOf(name).label;
  if (own) return own;
  const mcp = /^mcp__(.+?)__(.+)$/.exec(name);
  return mcp ? `${mcp[1]}: ${mcp[2]}` : name;
}

/** One line that says what the call is about. */
export function summary(name: string, input: Input): string {
  const said = viewOf(name).summary?.(input) || Object.values(input).map(text).find(Boolean) || "";
  const line = said.trim().replace(/\s*\n[\s\S]*/, " …");
  return line.length > SUMMARY_LENGTH ? `${line.slice(0, SUMMARY_LENGTH)}…` : line;
}

/**
 * The whole input, real and unshortened: what a person decides on (S12). Where it speaks of a cell,
 * `cell` is what stands there.
 */
export function inputElement(
  name: string,
  input: Input,
  cell: Standing | null = null,
): HTMLElement {
  if (!Object.keys(input).length) {
    return h("div", { class: "ipc-input" }, h("span", { class: "ipc-muted" }, "No input."));
  }
  const special = viewOf(name).input?.(input, cell);
  if (special) return special;
  const box = h("div", { class: "ipc-input" });
  const code = text(input.code);
  const others = fields(input, code ? ["code"] : []);
  if (others) box.append(others);
  if (code) box.append(codeBlock(code, "python"));
  return box;
}

/** What is said while a call runs. */
export function runningWords(name: string): string {
  return viewOf(name).running ?? "";
}

/** The part of this input that a person may edit before it runs; null where there is none. */
export function editedField(name: string, input: Input): string | null {
  const field = viewOf(name).edits;
  return field && typeof input[field] === "string" ? field : null;
}

/** How the CLI wraps its own refusal of a call, for the model's sake. */
const REFUSED = /^<tool_use_error>(.*)<\/tool_use_error>$/s;

function bare(content: unknown): unknown {
  return typeof content === "string" ? content.replace(REFUSED, "$1") : content;
}

/** What a tool returned. */
export function toolOutput(
  name: string,
  content: unknown,
  input: Input,
  isError: boolean,
): HTMLElement {
  const said = bare(content);
  return viewOf(name).output?.(said, input, isError) ?? outputElement(said);
}

/** A few words on how a call went. */
export function outcome(name: string, content: unknown, input: Input, isError: boolean): string {
  return viewOf(name).outcome?.(content, input, isError) ?? "";
}
