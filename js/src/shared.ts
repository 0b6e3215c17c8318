/**
 * The bundle of a page, shared by its models: a notebook has a view for every cell that asks.
 *
 * The first one brings the whole bundle; those after it bring loader.ts, which takes it from here.
 * It is known by the kernel's name for it (the trait `bundle`), so that a page that was open
 * while the package was upgraded doesn't draw new messages with old code.
 */

import type { Model } from "./wire";

export interface Rendered {
  model: Model;
  el: HTMLElement;
}

export interface Widget {
  initialize(props: { model: Model }): () => void;
  render(props: Rendered): () => void;
}

export type Factory = () => Widget;

const PLACE = Symbol.for("ipyclaude.bundles");

function bundles(): Map<string, Factory> {
  const page = globalThis as { [PLACE]?: Map<string, Factory> };
  page[PLACE] ??= new Map();
  return page[PLACE];
}

const nameOf = (model: Model): string => String(model.get("bundle") ?? "");

/** Let the models that come later use this bundle. */
export function share(model: Model, factory: Factory): void {
  if (!bundles().has(nameOf(model))) bundles().set(nameOf(model), factory);
}

/** The bundle that this model wants, if the page has it. */
export function shared(model: Model): Factory | undefined {
  return bundles().get(nameOf(model));
}
