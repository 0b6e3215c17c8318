/**
 * The anywidget entry of views that come after the first: finds the page's bundle.
 *
 * A page that was loaded anew meanwhile has none, and asks the kernel for it. Not in
 * `initialize`: until that is over, anywidget hands no message on, and so no reply.
 */

import { type Factory, type Rendered, share, shared, type Widget } from "./shared";
import type { Model, ToPage } from "./wire";

/** How long to wait for a reply (ms) before asking again, each time twice as long. */
const AGAIN_MS = 250;

function asset(model: Model, name: "widget.js" | "widget.css"): Promise<string> {
  const prefix = `load-${Math.random().toString(36).slice(2)}`;
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout>;
    const heard = (message: ToPage): void => {
      if (message.type !== "reply" || !message.id.startsWith(prefix) || message.error) return;
      model.off("msg:custom", heard);
      clearTimeout(timer);
      resolve((message.result as { text: string }).text);
    };
    const ask = (times: number): void => {
      timer = setTimeout(() => ask(times + 1), AGAIN_MS * 2 ** times);
      model.send({ type: "asset", name, id: `${prefix}-${times}` });
    };
    model.on("msg:custom", heard);
    ask(0);
  });
}

async function fetched(model: Model): Promise<Factory> {
  const [source, css] = await Promise.all([asset(model, "widget.js"), asset(model, "widget.css")]);
  const known = shared(model);
  if (known) return known; // another view was quicker
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const { default: factory } = (await import(/* @vite-ignore */ url)) as { default: Factory };
    const style = document.createElement("style");
    style.textContent = css;
    document.head.append(style);
    share(model, factory);
    return factory;
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default function loader() {
  let made: Widget | undefined;
  return {
    initialize({ model }: { model: Model }): () => void {
      made = shared(model)?.();
      return made ? made.initialize({ model }) : () => undefined;
    },
    async render(props: Rendered): Promise<() => void> {
      if (!made) {
        props.el.textContent = "Waiting for the kernel to send the view…";
        made = (await fetched(props.model))();
        props.el.textContent = "";
      }
      return made.render(props);
    },
  };
}
