/** Lists of buttons that the arrow keys walk, below a field that Enter takes the first from. */

function buttons(list: Element): HTMLButtonElement[] {
  return [...list.querySelectorAll<HTMLButtonElement>("button[data-id]")];
}

/** In the field: down goes into the list, Enter takes the first. */
export function fromField(event: KeyboardEvent, list: Element): void {
  if (event.isComposing) return;
  const first = buttons(list)[0];
  if (event.key === "ArrowDown" && first) {
    event.preventDefault();
    first.focus();
  } else if (event.key === "Enter" && first) {
    event.preventDefault();
    first.click();
  }
}

/** In the list: up and down walk it, up from the first goes back to the field. */
export function walk(event: KeyboardEvent, list: Element, field: HTMLElement): void {
  const rows = buttons(list);
  const here = rows.indexOf(event.currentTarget as HTMLButtonElement);
  const at = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (at === undefined) return;
  event.preventDefault();
  (at < 0 ? field : rows[at])?.focus();
}
