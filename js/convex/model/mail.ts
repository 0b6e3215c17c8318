/** Codes by mail, where the deployer has set an HTTP API up that takes mails in Resend's form. */
import { refusal } from "./errors";

// https://www.crockford.com/base32.html: no I, L, O and U. As src/ipyclaude/codes.py has it.
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** 50 bits, for ten minutes and 2,400 tries of all: short enough to be typed from a telephone. */
const LENGTH = 10;

interface Mailer {
  url: string;
  key: string;
  from: string;
}

function mailerSet(): Mailer | null {
  const url = process.env.IPYCLAUDE_MAIL_URL;
  const key = process.env.IPYCLAUDE_MAIL_KEY;
  const from = process.env.IPYCLAUDE_MAIL_FROM;
  return url && key && from ? { url, key, from } : null;
}

/** Whether the deployer has set mail up. */
export function hasMail(): boolean {
  return mailerSet() !== null;
}

/** Return by what to send mails, or refuse: the deployer has set none up. */
export function mailer(): Mailer {
  const found = mailerSet();
  if (found === null) throw refusal("NoMail", "This deployment sends no mails.");
  return found;
}

/** Make a code, in the form in which it is hashed. */
export function makeCode(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(LENGTH));
  // 256 is a multiple of 32: no letter is likelier than another.
  return Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join("");
}

/** Send a code to the owner of an account. What goes wrong says neither code nor key (S6). */
export async function mailCode({ url, key, from }: Mailer, to: string, code: string) {
  const shown = `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;
  const text =
    `${shown}\n\n` +
    "This code signs you in to ipyclaude. It is good for ten minutes and once; give it to nobody.\n" +
    "If you did not ask for it, there is nothing to do: nobody was signed in by it.\n";
  const { ok, status } = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ from, to, subject: "Your code to sign in", text }),
  });
  if (!ok) throw new Error(`The mail was not taken: the API answered ${status}.`);
}
