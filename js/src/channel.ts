/**
 * The comm's two directions: requests that each get one reply, and numbered messages in which a
 * gap is noticed and mended by asking for a new snapshot.
 */

import type {
  CellChange,
  ErrorInfo,
  Events,
  Model,
  Results,
  Snapshot,
  ToPage,
  Unsent,
} from "./wire";

/** How long a reply may take (ms) before a person is told. */
export const REPLY_MS = 10_000;

/** A snapshot that is not here so soon (ms) is asked for again, each time after twice as long. */
export const AGAIN_MS = 100;

/** A request that was refused, or that nobody answered. */
export class RequestError extends Error {
  constructor(
    readonly info: ErrorInfo,
    /** True where no reply came: the request may still be carried out. */
    readonly silent = false,
  ) {
    super([info.what, info.why, info.fix].filter(Boolean).join(" "));
  }
}

export interface Hearers {
  snapshot(snapshot: Snapshot): void;
  events(events: Events): void;
  /** Claude changes the notebook's cells: some page is to do it. */
  cells(change: CellChange): void;
  /** Whether the kernel answers; called on each change. */
  alive(alive: boolean): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: RequestError): void;
  timer: ReturnType<typeof setTimeout>;
}

const NO_REPLY: ErrorInfo = {
  what: "The kernel does not answer.",
  why: "It may be busy with another cell, or it was stopped or restarted.",
  fix: "Wait for the cell to end, or run the cell that made this output again.",
};

let made = 0;

export class Channel {
  private readonly waiting = new Map<string, Waiting>();
  private readonly prefix = `${Date.now().toString(36)}-${(++made).toString(36)}`;
  private sent = 0;
  /** The number of the last message folded; null while a snapshot is awaited. */
  private n: number | null = null;
  private again: ReturnType<typeof setTimeout> | undefined;
  private heardAt = Number.NEGATIVE_INFINITY;
  private alive = true;
  private closed = false;

  constructor(
    private readonly model: Model,
    private readonly hearers: Hearers,
  ) {
    model.on("msg:custom", this.heard);
    model.on("comm_live_update", this.commChanged);
  }

  /** Ask the kernel; resolves with the result, rejects with a `RequestError`. */
  request<U extends Unsent>(unsent: U): Promise<Results[U["type"]]> {
    const id = `${this.prefix}-${++this.sent}`;
    return new Promise((resolve, reject) => {
      const sentAt = Date.now();
      const timer = setTimeout(() => this.gaveUp(id, sentAt), REPLY_MS);
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject, timer });
      try {
        this.model.send({ ...unsent, id });
      } catch (error) {
        this.settle(id)?.reject(new RequestError({ ...NO_REPLY, why: String(error) }, true));
        this.setAlive(false);
      }
    });
  }

  /**
   * Ask for a snapshot, until it comes.
   *
   * JupyterLab starts a comm's subshell when the comm opens; what is sent before that is done
   * goes to the main shell, where it waits for the end of the very cell that made this view.
   */
  hello(wait = AGAIN_MS): void {
    clearTimeout(this.again);
    if (wait < REPLY_MS) this.again = setTimeout(() => this.hello(wait * 2), wait);
    // A failure shows as `alive(false)`.
    this.request({ type: "hello" }).catch(() => undefined);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.again);
    this.model.off("msg:custom", this.heard);
    this.model.off("comm_live_update", this.commChanged);
    for (const id of [...this.waiting.keys()]) {
      this.settle(id)?.reject(new RequestError({ ...NO_REPLY, what: "This view was closed." }));
    }
  }

  private readonly commChanged = (): void => this.hello();

  private readonly heard = (message: ToPage): void => {
    if (this.closed) return;
    this.heardAt = Date.now();
    this.setAlive(true);
    if (message.type === "reply") {
      const waiting = this.settle(message.id);
      if (message.error) waiting?.reject(new RequestError(message.error));
      else waiting?.resolve(message.result);
    } else if (message.type === "snapshot") {
      clearTimeout(this.again);
      this.n = message.n;
      this.hearers.snapshot(message);
    } else if (message.type === "cells") {
      this.hearers.cells(message);
    } else if (message.type === "events") {
      this.number(message);
    } else if (message.type === "d") {
      const { n, ...delta } = message;
      this.number({ type: "events", n, events: [delta] });
    }
  };

  private number(message: Events): void {
    // While a snapshot is awaited it will hold these events; one that is behind is a repeat.
    if (this.n === null || message.n <= this.n) return;
    if (message.n !== this.n + 1) {
      this.n = null;
      this.hello();
      return;
    }
    this.n = message.n;
    this.hearers.events(message);
  }

  private settle(id: string): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  private gaveUp(id: string, sentAt: number): void {
    this.settle(id)?.reject(new RequestError(NO_REPLY, true));
    // One request may wait behind a busy cell while others are answered.
    if (this.heardAt < sentAt) this.setAlive(false);
  }

  private setAlive(alive: boolean): void {
    if (alive === this.alive) return;
    this.alive = alive;
    this.hearers.alive(alive);
  }
}
