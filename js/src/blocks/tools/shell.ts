/** Commands in a shell. */

import { h } from "../../dom";
import { codeBlock } from "../../markdown/code";
import { longText } from "../output";
import { fields } from "./fields";
import { resultText, type ToolView, text } from "./types";

/** How the CLI begins what a failed command printed. */
const EXIT = /^(?:Error: )?Exit code (\d+)\n?/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be taken out
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007/g;

export const bash: ToolView = {
  icon: "terminal",
  edits: "command",
  running: "What it prints comes when it has ended: Claude Code sends nothing before.",
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
    const printed = content.replace(EXIT, "").replace(ESCAPES, "");
    if (!printed.trim()) return h("span", { class: "ipc-muted" }, "It printed nothing.");
    return h("div", { class: "ipc-output" }, longText(printed));
  },
};
