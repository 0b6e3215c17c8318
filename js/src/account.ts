/** Who is signed in to Convex, and signing in and out: a button in the head, and its panel. */

import { AccountForm, EMPTY } from "./accountform";
import { copyButton } from "./actions";
import { button, focusIn, h, setText } from "./dom";
import { Failure } from "./failure";
import { icon } from "./icons";
import type { Page } from "./page";
import { Popover } from "./popover";
import type { State } from "./state";
import type { SignInPrompt, Unsent, Who } from "./wire";

/** Counts views, so that each has ids of its own. */
let views = 0;

export class Account {
  readonly el: HTMLElement;
  readonly inHead = true;
  private readonly opener: HTMLButtonElement;
  private readonly name = h("span", { class: "ipc-account-name" });
  private readonly popover: Popover;
  // It stays, so that what changes in it is read out.
  private readonly words = h("p", { role: "status", "data-ipc": "account-words" });
  private readonly body = h("div", { class: "ipc-account", "data-ipc": "account-body" });
  private readonly failure = new Failure("account-failure");
  private readonly keep = h("input", { type: "checkbox", "data-ipc": "keep" });
  private readonly form = new AccountForm(
    (unsent) => void this.ask(unsent),
    () => this.keep.checked,
  );
  private readonly hint = `ipc-keep-hint-${++views}`;
  private drawn: Who | null = null;

  constructor(private readonly page: Page) {
    this.opener = button("account", "Sign in", () => undefined, icon("user"), this.name);
    this.popover = new Popover(this.opener, "Sign-in", "account-panel", () => this.focus());
    this.popover.panel.append(
      h("div", { class: "ipc-label" }, "Sign-in"),
      this.words,
      this.failure.el,
      this.body,
    );
    this.el = h(
      "div",
      { class: "ipc-pop ipc-pop-end ipc-account-pop", hidden: true },
      this.opener,
      this.popover.panel,
    );
  }

  draw({ who }: State): void {
    if (who === this.drawn) return;
    this.drawn = who;
    this.el.hidden = who.state === "none";
    const label = who.state === "in" ? `Signed in as ${who.name || "somebody"}` : "Sign in";
    setText(this.name, who.state === "in" ? who.name : "Sign in");
    this.opener.setAttribute("aria-label", label);
    this.opener.title = label;
    this.el.dataset.state = who.state;
    const focused = focusIn(this.popover.panel);
    setText(this.words, wordsFor(who));
    if (who.error) this.failure.showInfo(who.error);
    else this.failure.clear();
    this.body.replaceChildren(...this.bodyFor(who));
    if (!focused || focusIn(this.popover.panel)) return;
    if (this.popover.panel.contains(focused)) focused.focus();
    else this.focus();
  }

  destroy(): void {
    this.popover.destroy();
  }

  private focus(): void {
    const first = this.body.querySelector<HTMLElement>("a, input, button");
    (first ?? this.popover.panel).focus();
  }

  private bodyFor(who: Who): HTMLElement[] {
    if (who.state === "waiting") return this.waiting(who.prompt);
    if (who.state === "out") return this.ways(who);
    const parts: HTMLElement[] = [];
    if (who.only_here) parts.push(h("p", { "data-ipc": "only-here" }, offer(who.only_here)));
    const leave = () => void this.ask({ type: "sign_out" });
    if (who.can_leave) parts.push(button("sign-out", "Sign out", leave, "Sign out"));
    return parts;
  }

  private waiting(prompt: SignInPrompt | null): HTMLElement[] {
    const stop = () => void this.ask({ type: "cancel_sign_in" });
    const cancel = button("cancel-sign-in", "Cancel", stop, "Cancel");
    if (!prompt || !/^https?:/.test(prompt.url)) return [cancel];
    const link = h(
      "a",
      {
        href: prompt.url,
        target: "_blank",
        rel: "noopener noreferrer",
        "data-ipc": "sign-in-link",
      },
      prompt.shown || "the sign-in page",
    );
    const { code } = prompt;
    if (!code) {
      const where = "It must be opened in a browser on the machine where the kernel runs.";
      return [h("p", {}, "Open ", link, "."), h("p", { class: "ipc-muted" }, where), cancel];
    }
    return [
      h("p", {}, "Open ", link, " on any machine, and compare or type this code:"),
      h(
        "p",
        { class: "ipc-sign-in-code" },
        h("code", { "data-ipc": "sign-in-code" }, code),
        copyButton("Copy the code", () => code),
      ),
      cancel,
    ];
  }

  private ways(who: Who): HTMLElement[] {
    const parts = who.ways.map((way) => {
      const label = who.ways.length > 1 ? `Sign in with ${way}` : "Sign in";
      const begin = () => void this.ask({ ...EMPTY, way, keep: this.keep.checked });
      return button("sign-in", label, begin, label) as HTMLElement;
    });
    if (who.accounts) {
      this.form.draw(who);
      parts.push(this.form.el);
    }
    if (!parts.length) return [];
    const keep = "Stay signed in here, in all notebooks";
    this.keep.setAttribute("aria-describedby", this.hint);
    return [
      h("label", { class: "ipc-check" }, this.keep, keep),
      h(
        "p",
        { class: "ipc-muted", id: this.hint },
        "In the system's keyring, else in a file that only you can read.",
      ),
      ...parts,
    ];
  }

  private async ask(unsent: Unsent): Promise<void> {
    this.failure.clear();
    try {
      await this.page.ask(unsent);
    } catch (error) {
      this.failure.show(error);
    }
  }
}

/** Say what is only here: it goes when a person says so, never by itself. */
function offer(count: number): string {
  const [what, it] = count === 1 ? ["1 session is", "it"] : [`${count} sessions are`, "one"];
  return `${what} on this machine only. “Sync to cloud” under ${it} sends it; all go by %claude_session sync --all.`;
}

function wordsFor({ state, name, by, ways, accounts }: Who): string {
  switch (state) {
    case "in":
      return `You are signed in${name ? ` as ${name}` : ""}. ${by}`;
    case "waiting":
      return "Waiting until you have signed in.";
    case "out":
      if (!ways.length && !accounts) return `Nobody is signed in. ${by}`;
      return "Nobody is signed in. What is here stays on this machine until somebody is.";
    case "none":
      return "";
  }
}
