/** A place for an error: what happened, why, what to do. */

import { RequestError } from "./channel";
import { h } from "./dom";
import { icon } from "./icons";
import type { ErrorInfo } from "./wire";

export class Failure {
  readonly el: HTMLElement;

  constructor(hook = "failure") {
    this.el = h("div", { class: "ipc-failure", role: "alert", "data-ipc": hook, hidden: true });
  }

  show(error: unknown): void {
    this.showInfo(
      error instanceof RequestError ? error.info : { what: String(error), why: "", fix: "" },
    );
  }

  showInfo(info: ErrorInfo): void {
    this.el.replaceChildren(
      icon("warning"),
      h(
        "span",
        {},
        h("strong", {}, info.what),
        " ",
        [info.why, info.fix].filter(Boolean).join(" "),
      ),
    );
    this.el.hidden = false;
  }

  clear(): void {
    this.el.hidden = true;
    this.el.replaceChildren();
  }
}
