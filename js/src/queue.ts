/** Prompts that wait for the running turn to end: each can be taken back, or sent at once. */

import { button, h, keepFocus } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import type { State } from "./state";
import type { Queued, Unsent } from "./wire";

export class Queue {
  readonly el: HTMLElement;
  private readonly list = h("ul", { class: "ipc-queue", "aria-label": "Prompts that wait" });
  private readonly failure = new Failure("queue-failure");
  private drawn: readonly Queued[] = [];

  constructor(
    private readonly page: Page,
    /** Where a person goes on who has settled a prompt. */
    private readonly home: HTMLElement,
    /** Take the words of a prompt that was taken back. */
    private readonly takeBack: (text: string) => void,
  ) {
    this.el = h("div", { "data-ipc": "queue" }, this.failure.el, this.list);
  }

  draw({ queued }: State): void {
    if (queued === this.drawn) return;
    this.drawn = queued;
    keepFocus(
      this.list,
      () => this.list.replaceChildren(...queued.map((each) => this.row(each))),
      () => this.home,
    );
  }

  private row({ id, text, held, telling }: Queued): HTMLElement {
    const now = held ? "Send" : "Stop & send";
    const tell = "Tell now: Claude hears it at its next step";
    return h(
      "li",
      { "data-ipc": "queued", "data-state": held ? "held" : telling ? "telling" : "waiting" },
      icon(telling ? "arrow" : "clock"),
      h("span", { class: "ipc-queue-text", title: text }, text),
      held && h("span", { class: "ipc-chip" }, "held"),
      telling && h("span", { class: "ipc-chip" }, "Claude hears it at its next step"),
      !held &&
        !telling &&
        button(
          "tell-now",
          tell,
          () => void this.ask({ type: "tell_now", queued_id: id }),
          "Tell now",
        ),
      button("send-now", now, () => void this.ask({ type: "send_now", queued_id: id }), now),
      button("unqueue", "Take this prompt back", () => void this.unqueue(id, text), icon("cross")),
    );
  }

  private async unqueue(id: string, text: string): Promise<void> {
    if (await this.ask({ type: "unqueue", queued_id: id })) this.takeBack(text);
  }

  /** Ask the kernel; false where that failed, which shows here. */
  private async ask(request: Unsent): Promise<boolean> {
    this.failure.clear();
    try {
      await this.page.ask(request);
      return true;
    } catch (error) {
      this.failure.show(error);
      return false;
    }
  }
}
