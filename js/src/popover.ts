/** A panel that a button opens: Esc or a click elsewhere closes it and focus goes back. */

import { focusIn, h } from "./dom";

export class Popover {
  readonly panel: HTMLElement;
  /** What it lists comes later: once it is there, it must not be below the window's end. */
  private readonly grown =
    typeof ResizeObserver === "undefined"
      ? null
      : new ResizeObserver(() => this.panel.scrollIntoView({ block: "nearest" }));

  constructor(
    private readonly opener: HTMLButtonElement,
    label: string,
    hook: string,
    private readonly onOpen: () => void,
  ) {
    this.panel = h("div", {
      class: "ipc-popover",
      role: "dialog",
      "aria-label": label,
      "data-ipc": hook,
      "data-lm-suppress-shortcuts": "true",
      tabindex: "-1",
      hidden: true,
      keydown: (event) => this.key(event as KeyboardEvent),
    });
    opener.setAttribute("aria-haspopup", "dialog");
    opener.setAttribute("aria-expanded", "false");
    opener.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    opener.addEventListener("keydown", (event) => {
      if (!this.panel.hidden) this.key(event);
    });
  }

  open(): void {
    this.panel.hidden = false;
    this.opener.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", this.outside);
    this.grown?.observe(this.panel);
    this.onOpen();
    if (!focusIn(this.panel)) this.panel.focus({ preventScroll: true });
  }

  close(): void {
    if (this.panel.hidden) return;
    const inside = focusIn(this.panel) !== null;
    this.panel.hidden = true;
    this.opener.setAttribute("aria-expanded", "false");
    this.destroy();
    if (inside) this.opener.focus();
  }

  destroy(): void {
    this.grown?.disconnect();
    document.removeEventListener("pointerdown", this.outside);
  }

  private readonly outside = (event: Event): void => {
    // Inside a shadow root the document sees only the host: the path tells the truth.
    const path = event.composedPath();
    if (!path.includes(this.panel) && !path.includes(this.opener)) this.close();
  };

  private key(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Escape" && !event.isComposing) this.close();
  }
}
