/** One view of a model: the output of a cell ("turn"), the chat, or the to-dos alone. */

import { Account } from "./account";
import { Announcer } from "./announcer";
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
  /** It stands in the head of the chat. */
  readonly inHead?: boolean;
  draw?(state: State): void;
  destroy?(): void;
}

export class View implements Follower {
  private readonly root: HTMLElement;
  private readonly transcript: Transcript | null;
  private readonly parts: Part[];
  private readonly unfollow: () => void;

  constructor(page: Page, el: HTMLElement) {
    const { kind } = page;
    this.root = h("div", { class: `ipc ipc-${kind}`, "data-ipc": kind });
    const failure = new Failure("deed-failure");
    const deeds = new Deeds(page, failure);
    this.transcript = kind === "todos" ? null : new Transcript(page, deeds);
    this.parts = this.transcript
      ? this.conversation(page, this.transcript, deeds, failure)
      : [new Todos(true)];
    const head = this.parts.filter((each) => each.inHead);
    if (head.length)
      this.root.append(h("div", { class: "ipc-head" }, ...head.map((each) => each.el)));
    this.root.append(...this.parts.filter((each) => !each.inHead).map((each) => each.el));
    el.append(this.root);
    deeds.cells = cellsOf(page.model, el);
    this.root.classList.toggle("ipc-has-cells", deeds.cells !== null);
    this.root.addEventListener(CELL_WISH, (event) => {
      const { cell, run } = (event as CustomEvent<CellWish>).detail;
      void deeds.put(cell, run);
    });
    this.unfollow = page.follow(this);
  }

  /** The parts of a view that holds a conversation, from top to bottom. */
  private conversation(page: Page, transcript: Transcript, deeds: Deeds, failure: Failure): Part[] {
    const home = (): HTMLElement => deeds.composer?.home ?? bar.el;
    const bar = new TurnBar(page, home);
    const middle: Part[] = [transcript, failure, new Todos(), new Approvals(page, home), bar];
    if (page.kind === "turn") return middle;
    const find = new Find(page, (id) => transcript.jump(id));
    const foot = [new StateLine(page), new Announcer()];
    if (page.watches) return [find, ...middle, ...foot];
    const around = {
      stop: () => void bar.stop(),
      find: () => find.open(),
      cells: () => deeds.cells?.list() ?? null,
    };
    const composer = new Composer(page, around);
    deeds.composer = composer;
    const head = [new Sessions(page), find, new Settings(page), new Account(page)];
    return [...head, ...middle, composer, ...foot];
  }

  draw(state: State): void {
    this.root.dataset.state = state.turn?.status ?? "idle";
    for (const part of this.parts) part.draw?.(state);
  }

  atEnd(): boolean {
    return this.transcript?.atEnd() ?? true;
  }

  destroy(): void {
    this.unfollow();
    for (const part of this.parts) part.destroy?.();
    this.root.remove();
  }
}
