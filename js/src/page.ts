/**
 * One model's page: the channel, the state, and the views that are told of changes.
 *
 * All views of a model share it. Changes are told once per animation frame, however many
 * messages came.
 */

import { type AssetName, provide } from "./assets";
import { Channel } from "./channel";
import { changeCells } from "./lent";
import { EMPTY, fromSnapshot, prepend, putApproval, reduce, type State, trim } from "./state";
import type { Model, Results, Unsent } from "./wire";

/** Entries kept while every view follows the end; more can be asked for again. */
const KEEP = 400;
/** What comes after so long a pause (ms) is drawn at once: there is nothing to draw it with. */
const PAUSE_MS = 50;
/** A hidden tab gets no animation frames; its state must not go stale for longer (ms). */
const HIDDEN_MS = 250;

/** What a view shows: the output of a cell, the chat, or the to-dos alone. */
export type Kind = "turn" | "chat" | "todos";

export interface Follower {
  /** Draw the state; called at most once per frame. */
  draw(state: State, page: Page): void;
  /** Whether the reader is at the end, so that what is far above may be let go. */
  atEnd(): boolean;
}

export class Page {
  state: State = EMPTY;
  alive = true;
  private readonly followers = new Set<Follower>();
  private readonly channel: Channel;
  private readonly unprovide: () => void;
  private frame = 0;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly model: Model) {
    this.channel = new Channel(model, {
      snapshot: (snapshot) => this.set(fromSnapshot(snapshot)),
      events: ({ events }) => this.set(events.reduce(reduce, this.state)),
      cells: (change) => {
        void changeCells(model, change, (unsent) => this.ask(unsent));
      },
      alive: (alive) => {
        this.alive = alive;
        this.schedule();
      },
    });
    this.unprovide = provide(async (name) => (await this.asset(name)).text);
  }

  get kind(): Kind {
    const kind = this.model.get("kind");
    return kind === "turn" || kind === "todos" ? kind : "chat";
  }

  /** Whether it shows a session that somebody else writes, and asks for nothing. */
  get watches(): boolean {
    return this.model.get("kind") === "watch";
  }

  follow(follower: Follower): () => void {
    this.followers.add(follower);
    this.channel.hello();
    this.schedule();
    return () => this.followers.delete(follower);
  }

  /** Ask the kernel and fold what the answer says about the state. */
  async ask<U extends Unsent>(unsent: U): Promise<Results[U["type"]]> {
    const result = await this.channel.request(unsent);
    if (unsent.type === "decide") {
      this.set(putApproval(this.state, result as Results["decide"]));
    } else if (unsent.type === "configure" || unsent.type === "sync_session") {
      this.set({ ...this.state, status: result as Results["configure"] });
    }
    return result;
  }

  private asset(name: AssetName): Promise<Results["asset"]> {
    return this.ask({ type: "asset", name } as const);
  }

  /** Load the messages before the first one shown. */
  async older(limit = 50): Promise<void> {
    const first = this.state.entries.find((each) => each.message)?.id;
    const session = this.state.session?.client_id;
    if (!first) return;
    const { messages, more } = await this.ask({ type: "older", before: first, limit });
    // The reader may have gone to another session meanwhile.
    if (this.state.session?.client_id === session) this.set(prepend(this.state, messages, more));
  }

  close(): void {
    this.unprovide();
    this.channel.close();
    this.followers.clear();
    this.cancel();
  }

  private set(state: State): void {
    if (state === this.state) return;
    this.state = state;
    this.schedule();
  }

  private schedule(): void {
    if (this.frame || !this.followers.size) return;
    if (performance.now() - this.drawnAt > PAUSE_MS && !document.hidden) {
      this.draw();
      return;
    }
    this.frame = requestAnimationFrame(this.draw);
    this.timer = setTimeout(this.draw, HIDDEN_MS);
  }

  private cancel(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = 0;
  }

  private readonly draw = (): void => {
    this.cancel();
    this.drawnAt = performance.now();
    const followers = [...this.followers];
    if (this.state.entries.length > KEEP * 1.25 && followers.every((each) => each.atEnd())) {
      this.state = trim(this.state, KEEP);
    }
    for (const follower of followers) follower.draw(this.state, this);
  };
}
