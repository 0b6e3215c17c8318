// Lets a client's queries all be run at one moment: while it is held, no transaction of others begins.
import { AsyncLocalStorage } from "node:async_hooks";

export class Gate {
  private held: Promise<void> | null = null;
  private queue: Promise<void> = Promise.resolve();
  private running = 0;
  private idle: (() => void)[] = [];
  private readonly inside = new AsyncLocalStorage<true>();

  /** Run something between the transactions of others. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    const before = this.queue;
    const done = Promise.withResolvers<void>();
    this.queue = done.promise;
    await before;
    this.held = done.promise;
    try {
      if (this.running > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
      return await this.inside.run(true, work);
    } finally {
      this.held = null;
      done.resolve();
    }
  }

  /** Wait until a transaction may begin, and count it. */
  async enter(): Promise<void> {
    if (this.inside.getStore()) return;
    while (this.held !== null) await this.held;
    this.running += 1;
  }

  leave(): void {
    if (this.inside.getStore()) return;
    this.running -= 1;
    if (this.running === 0) for (const resolve of this.idle.splice(0)) resolve();
  }
}
