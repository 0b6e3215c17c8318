/** What Claude does about its own work: subagents, plans, to-dos. */

import { h } from "../../dom";
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

export const task: ToolView = {
  icon: "bolt",
  label: "Subagent",
  summary: (input) => text(input.description),
  input: (input) => words(input, "prompt"),
  output(content, _input, isError) {
    const said = resultText(content);
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
