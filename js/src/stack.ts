/**
 * Which rows are in the document.
 *
 * `Flow` puts all of them there: the output of a cell, and pages without layout. `Virtual` puts
 * those in sight there and a few around them, so that 10,000 messages cost no more than 100.
 */

import {
  defaultRangeExtractor,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type Range,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RowView } from "./row";
import type { Row } from "./rows";
import type { State } from "./state";

/** Makes the view of a row. */
export type Make = (row: Row) => RowView;

export interface Stack {
  draw(rows: readonly Row[], state: State): void;
  /** Show the row at this place; the promise is kept once it is in the document. */
  reveal(at: number): void;
  /** The view of a row that is in the document. */
  find(id: string): RowView | undefined;
  clear(): void;
  destroy(): void;
}

/** Put `el` after `last` (or first), moving nothing that stands right already. */
function place(el: HTMLElement, parent: HTMLElement, last: Element | null): void {
  const next = last ? last.nextElementSibling : parent.firstElementChild;
  if (next !== el) parent.insertBefore(el, next);
}

export class Flow implements Stack {
  private readonly views = new Map<string, RowView>();

  constructor(
    private readonly log: HTMLElement,
    private readonly make: Make,
  ) {}

  draw(rows: readonly Row[], state: State): void {
    const gone = new Set(this.views.keys());
    let last: Element | null = null;
    rows.forEach((row, at) => {
      gone.delete(row.id);
      const view = this.views.get(row.id) ?? this.make(row);
      this.views.set(row.id, view);
      view.update(row, state);
      view.number(at, rows.length);
      place(view.el, this.log, last);
      last = view.el;
    });
    for (const id of gone) {
      this.views.get(id)?.el.remove();
      this.views.delete(id);
    }
  }

  reveal(at: number): void {
    this.log.children[at]?.scrollIntoView?.({ block: "start" });
  }

  find(id: string): RowView | undefined {
    return this.views.get(id);
  }

  clear(): void {
    this.views.clear();
    this.log.replaceChildren();
  }

  destroy(): void {
    this.clear();
  }
}

/** Rows that were shown lately are kept, with their open folds, up to this many. */
const KEPT = 160;
/** Rows drawn beyond the edges of what is in sight. */
const AROUND = 6;
/** What a row is taken to be high (px) until it has been drawn. */
const GUESS = 64;
/** So near to the end (px) counts as the end. */
const NEAR_END = 40;
/** Room (px) above the first row, and above one that is brought into sight, for its buttons. */
const ABOVE = { first: 12, revealed: 28 };

export class Virtual implements Stack {
  private readonly views = new Map<string, RowView>();
  private readonly mounted = new Map<string, RowView>();
  private readonly virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  private readonly unmount: () => void;
  private rows: readonly Row[] = [];
  private state: State | null = null;
  private printing = false;

  constructor(
    private readonly scroll: HTMLElement,
    private readonly log: HTMLElement,
    private readonly make: Make,
  ) {
    log.classList.add("ipc-virtual");
    this.virtualizer = new Virtualizer(this.options());
    this.unmount = this.virtualizer._didMount();
    window.addEventListener("beforeprint", this.print);
    window.addEventListener("afterprint", this.print);
  }

  draw(rows: readonly Row[], state: State): void {
    const changed = rows !== this.rows;
    this.rows = rows;
    this.state = state;
    if (changed) this.virtualizer.setOptions(this.options());
    // First the list's new height, then the scroll position that may need it.
    this.mount();
    this.virtualizer._willUpdate();
  }

  reveal(at: number): void {
    this.virtualizer.scrollToIndex(at, { align: "start" });
  }

  find(id: string): RowView | undefined {
    return this.mounted.get(id);
  }

  clear(): void {
    this.views.clear();
    this.mounted.clear();
    this.rows = [];
    this.log.replaceChildren();
    this.virtualizer.measure();
  }

  destroy(): void {
    this.unmount();
    window.removeEventListener("beforeprint", this.print);
    window.removeEventListener("afterprint", this.print);
    this.clear();
  }

  private options() {
    return {
      count: this.rows.length,
      getScrollElement: () => this.scroll,
      estimateSize: () => GUESS,
      getItemKey: (at: number) => this.rows[at]?.id ?? at,
      overscan: AROUND,
      paddingStart: ABOVE.first,
      scrollPaddingStart: ABOVE.revealed,
      rangeExtractor: (range: Range) => this.range(range),
      // What is added above must not move what is being read.
      anchorTo: "end" as const,
      scrollEndThreshold: NEAR_END,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.mount(),
    };
  }

  /** What is in sight, and the rows that hold the focus or the selection: they must not vanish. */
  private range(range: Range): number[] {
    if (this.printing) return this.rows.map((_, at) => at);
    const wanted = new Set(defaultRangeExtractor(range));
    const root = this.log.getRootNode() as Document | ShadowRoot;
    const selection = document.getSelection();
    for (const node of [root.activeElement, selection?.anchorNode, selection?.focusNode]) {
      const slot = (node instanceof Element ? node : node?.parentElement)?.closest(".ipc-slot");
      if (slot && this.log.contains(slot)) wanted.add(Number(slot.getAttribute("data-index")));
    }
    return [...wanted].filter((at) => at < this.rows.length).sort((a, b) => a - b);
  }

  private mount(): void {
    const state = this.state;
    if (!state) return;
    const items = this.virtualizer.getVirtualItems();
    const gone = new Set(this.mounted.keys());
    let last: Element | null = null;
    for (const item of items) {
      const row = this.rows[item.index];
      if (!row) continue;
      gone.delete(row.id);
      const view = this.view(row);
      view.update(row, state);
      view.el.setAttribute("data-index", `${item.index}`);
      view.el.style.transform = `translateY(${item.start}px)`;
      view.number(item.index, this.rows.length);
      place(view.el, this.log, last);
      last = view.el;
      this.mounted.set(row.id, view);
    }
    for (const id of gone) {
      this.mounted.get(id)?.el.remove();
      this.mounted.delete(id);
    }
    // All at once, after all are placed: each measure in between would lay out the list anew.
    if (gone.size) this.virtualizer.measureElement(null);
    for (const item of items) {
      const view = this.mounted.get(`${item.key}`);
      if (view) this.virtualizer.measureElement(view.el);
    }
    this.log.style.height = `${this.virtualizer.getTotalSize()}px`;
    this.forget();
  }

  private view(row: Row): RowView {
    const view = this.views.get(row.id) ?? this.make(row);
    // Put last: the first of the map are those that were not needed for longest.
    this.views.delete(row.id);
    this.views.set(row.id, view);
    return view;
  }

  private forget(): void {
    for (const id of this.views.keys()) {
      if (this.views.size <= KEPT) return;
      if (!this.mounted.has(id)) this.views.delete(id);
    }
  }

  private readonly print = (event: Event): void => {
    this.printing = event.type === "beforeprint";
    this.virtualizer.setOptions(this.options());
    this.mount();
  };
}
