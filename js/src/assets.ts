/**
 * Parts of the page that are fetched from the kernel when they are needed, never from a network.
 *
 * The wheel holds them beside the bundle; the comm carries them, since that is the one way to
 * the wheel that every host has.
 */

import type { Asset } from "./wire";

export type AssetName = Asset["name"];
type Provider = (name: AssetName) => Promise<string>;

const providers = new Set<Provider>();
const modules = new Map<string, Promise<unknown>>();

/** Let a page's kernel be asked for assets; call the result when the page closes. */
export function provide(provider: Provider): () => void {
  providers.add(provider);
  return () => providers.delete(provider);
}

async function fetched(name: AssetName): Promise<string> {
  const last = [...providers].at(-1);
  if (!last) throw new Error("No kernel to ask.");
  return last(name);
}

async function imported(name: AssetName): Promise<unknown> {
  const source = new Blob([await fetched(name)], { type: "text/javascript" });
  const url = URL.createObjectURL(source);
  try {
    return await import(/* @vite-ignore */ url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Load a module once; one that could not be loaded may be asked for again. */
export function load<T>(name: AssetName): Promise<T> {
  const known = modules.get(name);
  if (known) return known as Promise<T>;
  const loading = imported(name);
  modules.set(name, loading);
  loading.catch(() => modules.delete(name));
  return loading as Promise<T>;
}

/** Load a style sheet. */
export async function style(name: AssetName): Promise<HTMLStyleElement> {
  const el = document.createElement("style");
  el.textContent = await fetched(name);
  return el;
}
