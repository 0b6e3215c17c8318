import { afterEach, beforeEach, vi } from "vitest";
import { MockModel } from "../dev/mock";
import widget from "../src/widget";

// jsdom has no layout.
document.execCommand = () => false;

export interface Shown {
  model: MockModel;
  el: HTMLElement;
  cleanUp(): void;
}

const open: (() => void)[] = [];

/** Render a view of a model as anywidget does. */
export function show(model: MockModel = new MockModel()): Shown {
  const made = widget();
  const destroy = made.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const unrender = made.render({ model, el });
  const cleanUp = () => {
    unrender();
    destroy();
    el.remove();
  };
  open.push(cleanUp);
  return { model, el, cleanUp };
}

/** Show a view of this kind, and let its first snapshot be drawn. */
export async function ready(
  part: Parameters<MockModel["snapshot"]>[0] = {},
  kind?: "turn" | "watch",
): Promise<Shown> {
  const shown = show(new MockModel(kind ?? "chat"));
  shown.model.snapshot(part);
  await frame();
  return shown;
}

/** What the page asked last. */
export const last = (model: MockModel) => model.sent.at(-1);

/** Let an animation frame and what was promised pass. */
export async function frame(): Promise<void> {
  await vi.advanceTimersByTimeAsync(20);
}

/** The elements of a `data-ipc` hook. */
export function all(el: Element, hook: string): HTMLElement[] {
  return [...el.querySelectorAll<HTMLElement>(`[data-ipc="${hook}"]`)];
}

export function one<E extends HTMLElement = HTMLElement>(el: Element, hook: string): E {
  const [found, second] = all(el, hook);
  if (!found || second) throw new Error(`${second ? "several" : "no"} [data-ipc="${hook}"]`);
  return found as E;
}

export function press(el: HTMLElement, key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  el.dispatchEvent(event);
  return event;
}

/** A repeatable source of numbers in [0, 1). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: [...FAKED] });
});

afterEach(() => {
  localStorage.clear();
  while (open.length) open.pop()?.();
  vi.useRealTimers();
});

const FAKED = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "requestAnimationFrame",
  "cancelAnimationFrame",
  "Date",
] as const;
