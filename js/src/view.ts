/** One view of a model: the output of a cell ("turn"), or the chat. */

import { Approvals } from "./approvals";
import { cellsOf } from "./cells";
import { Composer } from "./composer";
import { Deeds } from "./deeds";
import { h } from "./dom";
import { Failure } from "./failure";
import { Find } from "./find";
import { CELL_WISH, type CellWish } from "./markdown/code";
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
    const failure = new Failure("deed-failure");
    const deeds = new Deeds(page, failure);
    this.transcript = new Transcript(page, deeds);
    const bar = new TurnBar(page);
    const middle: Part[] = [this.transcript, failure, new Todos(), new Approvals(page), bar];
    if (kind === "chat") {
      const sessions = new Sessions(page);
      const find = new Find(page, (id) => this.transcript.jump(id));
      const settings = new Settings(page);
      const composer = new Composer(page, {
        stop: () => void bar.stop(),
        find: () => find.open(),
      });
      deeds.composer = composer;
      const line = new StateLine(page);
      this.parts = [sessions, find, settings, ...middle, composer, line];
      this.root.append(h("header", { class: "ipc-head" }, sessions.el, find.el, settings.el));
      this.root.append(...[...middle, composer, line].map((each) => each.el));
    } else {
      this.parts = middle;
      this.root.append(...middle.map((each) => each.el));
    }
    el.append(this.root);
    deeds.cells = cellsOf(page.model, el);
    this.root.classList.toggle("ipc-has-cells", deeds.cells !== null);
    this.root.addEventListener(CELL_WISH, (event) => {
      const { cell, run } = (event as CustomEvent<CellWish>).detail;
      void deeds.put(cell, run);
    });
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
