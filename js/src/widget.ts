/**
 * The anywidget entry: `initialize` makes the model's page, `render` adds a view to it.
 *
 * The factory runs once per model, so that what it closes over is that model's.
 * js/README.md has the table of `data-ipc` hooks that tests may rely on.
 */

import { Page } from "./page";
import { type Rendered, share, type Widget } from "./shared";
import { View } from "./view";
import type { Model } from "./wire";

export default function widget(): Widget {
  let page: Page | null = null;
  return {
    initialize({ model }: { model: Model }): () => void {
      share(model, widget);
      page = new Page(model);
      return () => {
        page?.close();
        page = null;
      };
    },
    render({ model, el }: Rendered): () => void {
      // A host that knows no `initialize` gets a page per view.
      const own = page ? null : new Page(model);
      const view = new View(page ?? (own as Page), el);
      return () => {
        view.destroy();
        own?.close();
      };
    },
  };
}
