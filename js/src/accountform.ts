/** Signing in by an account of the deployment: by password, or by a code, given or mailed. */

import { button, h } from "./dom";
import type { Unsent, Who } from "./wire";

/** Nothing typed, no provider chosen. */
export const EMPTY = {
  type: "sign_in",
  way: "",
  keep: false,
  email: "",
  password: "",
  code: "",
} as const;

export class AccountForm {
  readonly el: HTMLElement;
  // They stay, and so does what is typed, while others are told something new.
  private readonly email = h("input", { type: "email", required: true, autocomplete: "username" });
  private readonly password = h("input", { type: "password" });
  private readonly code = h("input", { type: "text", required: true, autocomplete: "off" });
  private byCode = false;
  private mailed = "";
  private hasMail = false;

  constructor(
    private readonly ask: (unsent: Unsent) => void,
    private readonly keep: () => boolean,
  ) {
    const submit = (event: Event): void => {
      event.preventDefault();
      this.send();
    };
    this.el = h("form", { submit, "data-ipc": "account-form" });
  }

  draw({ mail, mailed }: Who): void {
    this.hasMail = mail;
    if (mailed && mailed !== this.mailed) this.byCode = true;
    this.mailed = mailed;
    this.fill();
  }

  private fill(): void {
    this.password.required = !this.byCode;
    this.password.autocomplete = this.byCode ? "new-password" : "current-password";
    const sent = `If ${this.mailed} has an account, a mail with a code is under way. It lasts 10 minutes.`;
    const words = this.byCode && this.mailed && h("p", { "data-ipc": "mailed" }, sent);
    this.el.replaceChildren(
      ...(words ? [words] : []),
      h("label", {}, "E-mail", this.email),
      ...(this.byCode ? [h("label", {}, "Code", this.code)] : []),
      h(
        "label",
        {},
        this.byCode ? "New password, or nothing to keep yours" : "Password",
        this.password,
      ),
      h(
        "div",
        { class: "ipc-account-ways" },
        h("button", { type: "submit", class: "ipc-button", "data-ipc": "sign-in" }, "Sign in"),
        this.hasMail && button("mail-code", "Mail me a code", () => this.mailCode()),
        button("use-code", this.byCode ? "Use a password" : "Use a code", () => this.turn()),
      ),
    );
  }

  private turn(): void {
    this.byCode = !this.byCode;
    this.fill();
    this.el.querySelector<HTMLElement>('[data-ipc="use-code"]')?.focus();
  }

  private mailCode(): void {
    if (this.email.reportValidity()) this.ask({ type: "mail_code", email: this.email.value });
  }

  private send(): void {
    const [email, password] = [this.email.value, this.password.value];
    const code = this.byCode ? this.code.value : "";
    this.password.value = this.code.value = "";
    this.ask({ ...EMPTY, keep: this.keep(), email, password, code });
  }
}
