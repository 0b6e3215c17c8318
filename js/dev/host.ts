/** The bare host page: `?kind=chat|turn&scene=…&theme=light|dark`, or `&count=10000` messages. */

import type { Kind } from "../src/page";
import widget from "../src/widget";
import { MockModel } from "./mock";
import { long, obey, play } from "./scenes";

const asked = new URLSearchParams(location.search);
const model = new MockModel((asked.get("kind") ?? "chat") as Kind);
document.documentElement.dataset.theme = asked.get("theme") ?? "light";
model.answers.hello = () => {
  const count = Number(asked.get("count"));
  if (count) long(model, count);
  else play(model, asked.get("scene") ?? "none");
  return null;
};
obey(model);
const made = widget();
made.initialize({ model });
const el = document.querySelector<HTMLElement>("#host") as HTMLElement;
const cleanUp = made.render({ model, el });
Object.assign(window, { mock: model, cleanUp });
