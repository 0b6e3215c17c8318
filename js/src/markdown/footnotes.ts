/** Footnotes: gathered at the end of the text, numbered in the order in which they are named. */

import { button, h } from "../dom";
import { NOTE, NOTE_REF } from "./extensions";

/** Gather the notes of a text that is whole. */
export function gatherNotes(root: HTMLElement): void {
  const notes = new Map<string, HTMLElement>();
  for (const el of root.querySelectorAll<HTMLElement>(`div[title^="${NOTE}"]`)) {
    notes.set(el.title.slice(NOTE.length), el);
    el.remove();
  }
  const order: string[] = [];
  const list = h("ol");
  for (const ref of root.querySelectorAll<HTMLElement>(`sup[title="${NOTE_REF}"]`)) {
    const id = ref.textContent ?? "";
    const note = notes.get(id);
    if (!note) {
      ref.replaceWith(`[^${id}]`);
      continue;
    }
    if (!order.includes(id)) list.append(item(note, ref, order.push(id)));
    ref.removeAttribute("title");
    const number = order.indexOf(id);
    const go = () => reach(list.children[number] as HTMLElement);
    ref.replaceChildren(button("note-ref", `Footnote ${number + 1}`, go, `${number + 1}`));
  }
  if (order.length) {
    root.append(h("section", { class: "ipc-notes", "aria-label": "Footnotes" }, list));
  }
}

function item(note: HTMLElement, ref: HTMLElement, number: number): HTMLElement {
  note.removeAttribute("title");
  const back = () => reach(ref.querySelector("button") ?? ref);
  return h("li", {}, note, button("note-back", `Back to footnote ${number}`, back, "↩"));
}

function reach(el: HTMLElement): void {
  if (!el.matches("button")) el.tabIndex = -1;
  el.scrollIntoView?.({ block: "nearest" });
  el.focus();
}
