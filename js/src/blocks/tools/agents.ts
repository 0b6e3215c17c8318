/** What Claude does about its own work: subagents, plans, to-dos. */

import { h } from "../../dom";
import { plural } from "../../format";
import { markdown } from "../../markdown";
import { fields } from "./fields";
import { type Input, resultText, type ToolView, text } from "./types";

function words(input: Input, main: string): HTMLElement {
  const box = h("div", { class: "ipc-input" });
  const others = fields(input, [main]);
  if (others) box.append(others);
  if (text(input[main])) box.append(markdown(text(input[main])));
  return box;
}

/** What the CLI puts around a subagent's report, for the model: the report itself is indented. */
const FRAME = /^(?: .*\n)*\[Subagent hand-back\] .*\n/;
const USED = /^agentId: .*\n<usage>([^<]*)<\/usage>\s*$/;

/** A subagent's report, without what only Claude has a use for, and how many tools it used. */
function reportOf(content: unknown): { said: string; uses: number } {
  const whole = resultText(content);
  const end = whole.lastIndexOf("\nagentId: ");
  const used = end < 0 ? null : USED.exec(whole.slice(end + 1));
  const text = used ? whole.slice(0, end) : whole;
  const framed = FRAME.exec(text);
  const said = framed ? text.slice(framed[0].length).replace(/^ {2}/gm, "") : text;
  const uses = /\btool_uses: (\d+)/.exec(used?.[1] ?? "")?.[1];
  return { said: said.trim(), uses: Number(uses ?? 0) };
}

export const task: ToolView = {
  icon: "bolt",
  label: "Subagent",
  summary: (input) => text(input.description),
  input: (input) => words(input, "prompt"),
  outcome(content, _input, isError) {
    const { uses } = reportOf(content);
    return isError || !uses ? "" : plural(uses, "tool use");
  },
  output(content, _input, isError) {
    const { said } = reportOf(content);
    return isError || !said ? null : h("div", { class: "ipc-output" }, markdown(said));
  },
};

export const plan: ToolView = {
  icon: "list",
  label: "Plan",
  summary: (input) => text(input.plan).replace(/^#+\s*/, ""),
  input: (input) => words(input, "plan"),
  // The result repeats the plan.
  output: (_content, _input, isError) => (isError ? null : h("span", {}, "The plan was approved.")),
};

export const todoWrite: ToolView = {
  icon: "list",
  label: "To-dos",
  summary: (input) => (Array.isArray(input.todos) ? `${input.todos.length} items` : ""),
};

export const taskCreate: ToolView = {
  icon: "list",
  label: "New to-do",
  summary: (input) => text(input.subject),
};

export const taskUpdate: ToolView = {
  icon: "list",
  label: "To-do",
  summary: (input) => `#${input.taskId ?? ""} ${text(input.status).replaceAll("_", " ")}`,
};
