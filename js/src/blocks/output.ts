/** What a tool returned. */

import { button, h } from "../dom";
import { imageElement } from "./image";

/** Characters shown before the reader asks for the rest. */
const SHOWN = 20_000;

/** Text of any length; more than the first part of it is shown when asked for. */
export function longText(text: string): HTMLElement {
  const pre = h("pre", { class: "ipc-pre", tabindex: "0" }, text.slice(0, SHOWN));
  if (text.length <= SHOWN) return pre;
  const all = button("show-all", `Show all ${text.length.toLocaleString()} characters`, () => {
    pre.textContent = text;
    all.remove();
  });
  return h("div", {}, pre, all);
}

/** JSON in one line, as many MCP servers send it, is set out over several. */
function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text) || text.length > SHOWN || text.trim().includes("\n")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // It only began like JSON.
    return text;
  }
}

function part(value: unknown): HTMLElement {
  const it = value as { type?: unknown; text?: unknown; source?: unknown } | null;
  if (it?.type === "text" && typeof it.text === "string") return longText(pretty(it.text));
  if (it?.type === "image" && it.source && typeof it.source === "object") {
    return imageElement(it.source as Record<string, unknown>);
  }
  return longText(
    typeof value === "string" ? pretty(value) : (JSON.stringify(value, null, 2) ?? ""),
  );
}

/** Draw a result's content: text, or a list of API parts as they came. */
export function outputElement(content: unknown): HTMLElement {
  const parts = Array.isArray(content) ? content : [content];
  const box = h("div", { class: "ipc-output" });
  for (const each of parts) if (each !== "" && each !== null) box.append(part(each));
  if (!box.childElementCount) box.append(h("span", { class: "ipc-muted" }, "No output."));
  return box;
}
