import { h } from "../../dom";
import type { Input } from "./types";

/** An input's fields, each whole; null where none is left to show. */
export function fields(input: Input, shown: readonly string[] = []): HTMLElement | null {
  const left = Object.entries(input).filter(([key]) => !shown.includes(key));
  if (!left.length) return null;
  const list = h("div", { class: "ipc-fields" });
  for (const [key, value] of left) {
    const said = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    list.append(h("div", {}, h("span", { class: "ipc-key" }, key), h("span", {}, said)));
  }
  return list;
}
