/**
 * Markdown that is drawn as it arrives, at a cost that grows with its length and no faster.
 *
 * Finished segments are drawn once and never touched again. The open one is drawn anew only
 * while it is short, or when it has grown by a fifth since; in between its new text is appended
 * as it is.
 */

import { h } from "../dom";
import { CodeBlock } from "./code";
import { gatherNotes } from "./footnotes";
import { renderMarkdown } from "./render";
import { type Kind, Splitter } from "./splitter";

/** Below this (characters) the open segment is drawn anew each time. */
const SHORT = 2_048;
const GROWTH = 1.2;
/** Segments in a group. */
const GROUP = 24;
/** More link definitions (characters) than this are let be: they are added to each segment. */
const MOST_DEFINITIONS = 8_192;

interface Flow {
  el: HTMLElement;
  text: string;
}

export class MarkdownView {
  readonly el = h("div", { class: "ipc-md" });
  private readonly splitter = new Splitter({
    open: (kind, language) => this.open(kind, language),
    add: (text) => this.add(text),
    close: () => this.close(),
    definition: (line) => {
      this.definitions += `${line}\n`;
    },
  });
  /** Segments stand in groups, so that a new one lays out its group and not the whole answer. */
  private group = h("div", { class: "ipc-group" });
  private readonly flows: Flow[] = [];
  private flow: Flow | null = null;
  private code: CodeBlock | null = null;
  private added: string[] = [];
  private definitions = "";
  /** How much of the open flow's text (with the unfinished line) is on screen, and parsed. */
  private shown = 0;
  private parsed = 0;

  constructor(private readonly breaks = false) {}

  feed(text: string): void {
    if (!text) return;
    this.splitter.feed(text);
    this.drawOpen();
  }

  finish(): void {
    this.splitter.finish();
    this.dropEmpty();
    if (this.definitions && this.definitions.length <= MOST_DEFINITIONS) {
      for (const { el, text } of this.flows) {
        if (text.includes("]")) this.render(el, `${text}\n\n${this.definitions}`);
      }
    }
    gatherNotes(this.el);
  }

  private open(kind: Kind, language: string): void {
    if (kind === "code") {
      this.dropEmpty();
      this.code = new CodeBlock(language);
      this.place(this.code.el);
    } else {
      this.flow ??= this.newFlow();
    }
  }

  private add(text: string): void {
    if (this.code) this.code.append(text);
    else this.added.push(text);
  }

  private close(): void {
    if (this.code) {
      this.code.finish();
      this.code = null;
    } else if (this.flow) {
      this.gather();
      this.render(this.flow.el, this.flow.text);
      this.flows.push(this.flow);
      this.flow = null;
    }
  }

  private newFlow(): Flow {
    const el = h("div", { class: "ipc-seg" });
    this.place(el);
    this.shown = 0;
    this.parsed = 0;
    return { el, text: "" };
  }

  private place(el: HTMLElement): void {
    if (this.group.childElementCount >= GROUP) this.group = h("div", { class: "ipc-group" });
    if (!this.group.parentNode) this.el.append(this.group);
    this.group.append(el);
  }

  private gather(): void {
    if (this.flow) this.flow.text += this.added.join("");
    this.added = [];
  }

  /** Take away the place that was made for an unfinished line which became something else. */
  private dropEmpty(): void {
    this.flow?.el.remove();
    this.flow = null;
  }

  private drawOpen(): void {
    const rest = this.splitter.rest;
    if (this.splitter.inCode) {
      // What may turn out to be the closing fence is not shown as code.
      this.code?.tail(/^ {0,3}[`~]*$/.test(rest) ? "" : rest);
      return;
    }
    // What may turn out to open a code block is not shown as text.
    if (!this.flow && (!rest.trim() || /^[`~]/.test(rest))) return;
    this.flow ??= this.newFlow();
    this.gather();
    const text = this.flow.text + rest;
    if (text.length <= this.shown) return;
    if (text.length < SHORT || text.length > this.parsed * GROWTH) {
      this.render(this.flow.el, text);
      this.parsed = text.length;
    } else {
      tip(this.flow.el).append(text.slice(this.shown));
    }
    this.shown = text.length;
  }

  private render(el: HTMLElement, text: string): void {
    el.replaceChildren(renderMarkdown(text, this.breaks));
  }
}

/** The last paragraph or list item: where text that goes on belongs. */
function tip(el: Element): Element {
  let at = el;
  while (at.lastElementChild?.matches("p, ul, ol, li, blockquote")) at = at.lastElementChild;
  return at;
}

/** Markdown that is whole. */
export function markdown(text: string, breaks = false): HTMLElement {
  const view = new MarkdownView(breaks);
  view.feed(text);
  view.finish();
  return view.el;
}
