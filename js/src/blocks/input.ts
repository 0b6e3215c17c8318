/** What a tool was called with: one line for the card's head, and the whole for its body. */

import { h } from "../dom";
import type { IconName } from "../icons";
import { codeBlock } from "../markdown/code";
import { type DiffLine, diffElement, diffLines } from "./diff";

type Input = Record<string, unknown>;

/** The input field that says most, by tool. */
const TELLING: Record<string, string> = {
  Agent: "description",
  Bash: "command",
  Edit: "file_path",
  Glob: "pattern",
  Grep: "pattern",
  MultiEdit: "file_path",
  NotebookEdit: "notebook_path",
  Read: "file_path",
  Skill: "skill",
  Task: "description",
  TaskCreate: "subject",
  ToolSearch: "query",
  WebFetch: "url",
  WebSearch: "query",
  Write: "file_path",
};

const ICONS: Record<string, IconName> = {
  Agent: "bolt",
  Bash: "terminal",
  Edit: "edit",
  Glob: "search",
  Grep: "search",
  MultiEdit: "edit",
  NotebookEdit: "edit",
  Read: "file",
  Task: "bolt",
  TaskCreate: "list",
  TaskList: "list",
  TaskUpdate: "list",
  TodoWrite: "list",
  WebFetch: "globe",
  WebSearch: "globe",
  Write: "edit",
  web_fetch: "globe",
  web_search: "globe",
};

const SUMMARY_LENGTH = 200;

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function toolIcon(name: string): IconName {
  return (Object.hasOwn(ICONS, name) && ICONS[name]) || "tool";
}

/** `mcp__server__tool` is read as `server: tool`. */
export function toolLabel(name: string): string {
  const mcp = /^mcp__(.+?)__(.+)$/.exec(name);
  return mcp ? `${mcp[1]}: ${mcp[2]}` : name;
}

/** One line that says what the call is about. */
export function summary(name: string, input: Input): string {
  const field = Object.hasOwn(TELLING, name) ? TELLING[name] : undefined;
  let line = field ? text(input[field]) : "";
  if (name === "TodoWrite" && Array.isArray(input.todos)) line = `${input.todos.length} items`;
  if (name === "TaskUpdate") line = [`#${input.taskId ?? ""}`, text(input.status)].join(" ");
  line ||= Object.values(input).map(text).find(Boolean) ?? "";
  line = line.trim().replace(/\s*\n[\s\S]*/, " …");
  return line.length > SUMMARY_LENGTH ? `${line.slice(0, SUMMARY_LENGTH)}…` : line;
}

function edits(input: Input): DiffLine[] {
  const list = Array.isArray(input.edits) ? (input.edits as Input[]) : [input];
  return list.flatMap((edit) => diffLines(text(edit?.old_string), text(edit?.new_string)));
}

function rest(input: Input, shown: readonly string[]): HTMLElement | null {
  const left = Object.entries(input).filter(([key]) => !shown.includes(key));
  if (!left.length) return null;
  const lines = left.map(([key, value]) => {
    const said = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    return h("div", {}, h("span", { class: "ipc-key" }, key), h("span", {}, said));
  });
  const list = h("div", { class: "ipc-fields" });
  list.append(...lines);
  return list;
}

/** The whole input, real and unshortened: what a person decides on (S12). */
export function inputElement(name: string, input: Input): HTMLElement {
  const box = h("div", { class: "ipc-input" });
  let shown: string[] = [];
  let main: HTMLElement | null = null;
  if (name === "Bash" && typeof input.command === "string") {
    main = codeBlock(input.command, "bash");
    shown = ["command"];
  } else if (typeof input.new_string === "string" || Array.isArray(input.edits)) {
    main = diffElement(edits(input));
    shown = ["old_string", "new_string", "edits"];
  } else if (name === "Write" && typeof input.content === "string") {
    main = diffElement(diffLines("", input.content));
    shown = ["content"];
  } else if (typeof input.code === "string") {
    main = codeBlock(input.code, "python");
    shown = ["code"];
  }
  const others = rest(input, shown);
  if (others) box.append(others);
  if (main) box.append(main);
  if (!others && !main) box.append(h("span", { class: "ipc-muted" }, "No input."));
  return box;
}
