/** One place of the transcript: a message, or a live block that becomes one. */

import { type BlockContext, type BlockView, blockView } from "./blocks";
import type { ToolCards } from "./blocks/cards";
import { h } from "./dom";
import { Rope } from "./rope";
import { type Entry, growing, type Live } from "./state";
import type { ContentBlock, Message } from "./wire";

const WHO = {
  user: "You",
  assistant: "Claude",
  tool: "Tool result",
  system: "ipyclaude",
  result: "End of the turn",
} as const;

const NOTHING = Rope.of("");

export class EntryView {
  readonly el: HTMLElement;
  private blocks: BlockView[] = [];
  private message: Message | null = null;
  /** What of a live block is on screen. */
  private text: Rope = NOTHING;
  private streaming: ContentBlock | null = null;

  constructor(
    readonly id: string,
    private readonly tools: ToolCards,
  ) {
    this.el = h("article", { class: "ipc-message", "data-ipc": "message", "data-id": id });
  }

  update(entry: Entry, live: Live | undefined): void {
    if (entry.message) this.saved(entry.message);
    else if (live) this.grow(live);
  }

  private saved(message: Message): void {
    if (message === this.message) return;
    const before = this.message;
    this.message = message;
    this.dress(message.type, false, message.author);
    if (before && JSON.stringify(before.content) === JSON.stringify(message.content)) return;
    if (this.streaming && this.settles(message)) {
      this.blocks[0]?.finish?.();
    } else {
      this.show(message.content, {
        live: false,
        byPerson: message.type === "user",
        at: message.timestamp,
      });
      if (message.type === "user" && message.author) this.el.prepend(byline(message.author));
    }
    this.streaming = null;
    this.text = NOTHING;
    this.el.hidden = this.blocks.length > 0 && this.blocks.every((each) => each.elsewhere);
  }

  /** Whether what was streamed is what was saved, so that it only needs to be finished. */
  private settles(message: Message): boolean {
    const [block] = message.content;
    if (message.content.length !== 1 || !block || block.type !== this.streaming?.type) return false;
    if (block.type === "thinking" && block.duration_ms) return false;
    const text = growing(block);
    const shown = this.text.toString();
    if (!shown && !text) return false;
    if (!text.startsWith(shown)) return false;
    this.blocks[0]?.feed?.(text.slice(shown.length));
    return true;
  }

  private grow(live: Live): void {
    const view = this.blocks[0];
    if (this.streaming && view && live.text.grewFrom(this.text)) {
      const more = live.text.since(this.text.count);
      if (more) view.feed?.(more);
    } else if (this.streaming && view && live.text.toString().startsWith(this.text.toString())) {
      // A new snapshot of the same block: its text came in another piece.
      view.feed?.(live.text.toString().slice(this.text.toString().length));
    } else {
      this.dress("assistant", true);
      this.show([live.block], { live: true, byPerson: false, at: 0 });
      this.blocks[0]?.feed?.(live.text.toString().slice(growing(live.block).length));
    }
    this.message = null;
    this.streaming = live.block;
    this.text = live.text;
  }

  private show(content: readonly ContentBlock[], how: Omit<BlockContext, "tools">): void {
    const context: BlockContext = { ...how, tools: this.tools };
    this.blocks = content.map((block) => blockView(block, context));
    this.el.replaceChildren(...this.blocks.map((each) => each.el));
  }

  /** Screen readers hear a message when it is whole: `aria-busy` holds it back until then. */
  private dress(type: Message["type"], busy: boolean, author = ""): void {
    this.el.dataset.type = type;
    this.el.dataset.state = busy ? "live" : "done";
    const who = (type === "user" && author) || WHO[type];
    this.el.setAttribute("aria-label", who ?? type);
    if (busy) this.el.setAttribute("aria-busy", "true");
    else this.el.removeAttribute("aria-busy");
  }
}

/** Who asked, where that is somebody else. */
function byline(author: string): HTMLElement {
  return h("div", { class: "ipc-muted ipc-author", "data-ipc": "author" }, author);
}
