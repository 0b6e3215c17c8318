/** Small helpers to make elements. Text always goes in as text, never as HTML. */

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | boolean | ((event: Event) => void)>;

/**
 * Make an element. An attribute that is a function becomes a listener for the event of that
 * name; `true` sets an empty attribute, `false` none.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") el.addEventListener(name, value);
    else if (typeof value === "string") el.setAttribute(name, value);
    else if (value) el.setAttribute(name, "");
  }
  for (const child of children) if (child) el.append(child);
  return el;
}

/** A button with a name for those who cannot see its icon. */
export function button(
  hook: string,
  label: string,
  click: () => void,
  ...children: Child[]
): HTMLButtonElement {
  return h(
    "button",
    {
      type: "button",
      class: "ipc-button",
      "data-ipc": hook,
      "aria-label": label,
      title: label,
      click,
    },
    ...(children.length ? children : [label]),
  );
}

/** Set text only where it differs, so that nothing is repainted or announced in vain. */
export function setText(el: Element, text: string): void {
  if (el.textContent !== text) el.textContent = text;
}

/** The element within `el` that has the focus; null where the focus is elsewhere. */
export function focusIn(el: Element): HTMLElement | null {
  // In a shadow root the document sees only the host.
  const { activeElement } = el.getRootNode() as Document | ShadowRoot;
  return activeElement && el.contains(activeElement) ? (activeElement as HTMLElement) : null;
}

/** Change what may hold the focus; where that takes it away, it goes on from `next`. */
export function keepFocus(
  el: Element,
  change: () => void,
  next: () => HTMLElement | null | undefined,
): void {
  const had = focusIn(el);
  change();
  if (had && !focusIn(el)) next()?.focus({ preventScroll: true });
}

/** Copy text; false where the host does not let us. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission or no secure context: the old way still works in most hosts.
    const area = h("textarea", { class: "ipc-offscreen", "aria-hidden": "true" });
    area.value = text;
    const focused = document.activeElement as HTMLElement | null;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
    return done;
  }
}
