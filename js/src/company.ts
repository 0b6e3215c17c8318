/** Who else has the session open, and who writes in it: shown where there is anybody. */

import { button, h, setText } from "./dom";
import { icon } from "./icons";
import type { Holder, Person, Status } from "./wire";

/** So many are named; the others are counted. */
const NAMED = 2;

export class Company {
  readonly people = h("span", { class: "ipc-people", "data-ipc": "people", hidden: true });
  readonly holder = h("span", { class: "ipc-holder", "data-ipc": "holder", hidden: true });
  private readonly names = h("span");
  private readonly writes = h("span");
  private readonly take: HTMLButtonElement;
  private sure = false;

  constructor(private readonly takeOver: () => void) {
    this.take = button("take-over", "Take over", () => this.clicked(), "Take over");
    this.take.addEventListener("blur", () => this.ask(false));
    this.people.append(icon("user"), this.names);
    this.holder.append(icon("edit"), this.writes, this.take);
  }

  draw({ people, holder, may_take_over: mayTake }: Status): void {
    this.people.hidden = !people.length;
    // With whom one is alone, one has room for the server, too.
    setText(this.names, inShort(people.map(people.length > 1 ? nameOf : where)));
    this.people.title = `Here too: ${people.map(whole).join("; ")}`;
    this.holder.hidden = !holder;
    if (holder) setText(this.writes, writing(holder));
    this.take.hidden = !mayTake;
    if (!mayTake) this.ask(false);
  }

  /** It ends somebody's turn: the first click asks whether that is meant. */
  private clicked(): void {
    const { sure } = this;
    this.ask(!sure);
    if (sure) this.takeOver();
  }

  private ask(sure: boolean): void {
    this.sure = sure;
    const words = sure ? "Yes, end their turn" : "Take over";
    setText(this.take, words);
    this.take.setAttribute("aria-label", words);
    this.take.title = words;
  }
}

function nameOf({ name, label, me }: Person): string {
  return me || !name ? label : name;
}

function where({ name, label, me }: Person): string {
  return me || !name ? label : `${name} on ${label}`;
}

function whole(person: Person): string {
  return person.watching ? `${where(person)}, watching` : where(person);
}

function inShort(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(", ")} and ${more} more` : names.join(", ");
}

function writing({ name, label, since, mine }: Holder): string {
  const who = mine || !name ? label : `${name} on ${label}`;
  const clock = new Date(since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `${who} writes, since ${clock}`;
}
