/** One view of a model: the output of a cell ("turn"), or the chat. */

import { Approvals } from "./approvals";
import { Composer } from "./composer";
import { h } from "./dom";
import type { Follower, Page } from "./page";
import { Sessions } from "./sessions";
import { Settings } from "./settings";
import type { State } from "./state";
import { StateLine } from "./stateline";
import { Todos } from "./todos";
import { Transcript } from "./transcript";
import { TurnBar } from "./turnbar";

interface Part {
  readonly el: HTMLElement;
  draw?(state: State): void;
  destroy?(): void;
}

export class View implements Follower {
  private readonly root: HTMLElement;
  private readonly transcript: Transcript;
  private readonly parts: Part[];
  private readonly unfollow: () => void;

  constructor(page: Page, el: HTMLElement) {
    const { kind } = page;
    this.root = h("div", { class: `ipc ipc-${kind}`, "data-ipc": kind });
    this.transcript = new Transcript(page);
    const bar = new TurnBar(page);
    const middle: Part[] = [this.transcript, new Todos(), new Approvals(page), bar];
    if (kind === "chat") {
      const sessions = new Sessions(page);
      const settings = new Settings(page);
      const composer = new Composer(page, () => void bar.stop());
      const line = new StateLine(page);
      this.parts = [sessions, settings, ...middle, composer, line];
      this.root.append(h("header", { class: "ipc-head" }, sessions.el, settings.el));
      this.root.append(...[...middle, composer, line].map((each) => each.el));
    } else {
      this.parts = middle;
      this.root.append(...middle.map((each) => each.el));
    }
    el.append(this.root);
    this.unfollow = page.follow(this);
  }

  draw(state: State): void {
    this.root.dataset.state = state.turn?.status ?? "idle";
    for (const part of this.parts) part.draw?.(state);
  }

  atEnd(): boolean {
    return this.transcript.atEnd();
  }

  destroy(): void {
    this.unfollow();
    for (const part of this.parts) part.destroy?.();
    this.root.remove();
  }
}
