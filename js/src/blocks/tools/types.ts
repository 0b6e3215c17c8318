import type { Standing } from "../../cells";
import type { IconName } from "../../icons";

export type Input = Record<string, unknown>;

/** How calls of one tool are shown. What is left out is shown as for any tool. */
export interface ToolView {
  readonly icon?: IconName;
  /** The name shown, where it is not the tool's own. */
  readonly label?: string;
  /** One line that says what the call is about. */
  summary?(input: Input): string;
  /** The whole input, real and unshortened: what a person decides on (S12); null: as for any. */
  input?(input: Input, cell: Standing | null): HTMLElement | null;
  /** The part of the input that a person may edit before it runs. */
  readonly edits?: string;
  /** What came back; null where it says nothing that the input does not. */
  output?(content: unknown, input: Input, isError: boolean): HTMLElement | null;
  /** What is said in the open card while the call runs. */
  readonly running?: string;
  /** A few words on how it went, for the card's head. */
  outcome?(content: unknown, input: Input, isError: boolean): string;
}

/** A value, if it is text. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A tool's result as text: as it is, or its text parts. */
export function resultText(content: unknown): string {
  if (!Array.isArray(content)) return text(content);
  return content.map((part) => text((part as { text?: unknown } | null)?.text)).join("\n");
}

/** The language of a file, by the end of its name. */
export function language(path: string): string {
  return /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}
