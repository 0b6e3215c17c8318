/** Commands in a shell. */

import { h } from "../../dom";
import { codeBlock } from "../../markdown/code";
import { longText } from "../output";
import { withoutEscapes } from "../printed";
import { fields } from "./fields";
import { resultText, type ToolView, text } from "./types";

/** How the CLI begins what a failed command printed. */
const EXIT = /^(?:Error: )?Exit code (\d+)\n?/;

export const bash: ToolView = {
  icon: "terminal",
  edits: "command",
  running: "What it prints shows here after some seconds, or when it has ended.",
  summary: (input) => text(input.command),
  input(input) {
    const box = h("div", { class: "ipc-input" }, codeBlock(text(input.command), "bash"));
    const others = fields(input, ["command"]);
    if (others) box.append(others);
    return box;
  },
  outcome(content, _input, isError) {
    const code = EXIT.exec(resultText(content))?.[1];
    if (code) return `exit code ${code}`;
    return isError ? "" : "exit code 0";
  },
  output(content) {
    if (typeof content !== "string") return null;
    const printed = withoutEscapes(content.replace(EXIT, ""));
    if (!printed.trim()) return h("span", { class: "ipc-muted" }, "It printed nothing.");
    return h("div", { class: "ipc-output" }, longText(printed));
  },
};
