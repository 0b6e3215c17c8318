import { button, h } from "../dom";
import { icon } from "../icons";
import type { ImageBlock } from "../wire";
import type { BlockView } from "./types";

// SVG is left out: as an image it could not run scripts, but nobody sends it here.
const MEDIA = /^image\/(?:png|jpeg|gif|webp)$/;
const BASE64 = /^[A-Za-z0-9+/=\s]*$/;

/** Draw an API image source: inline data at once, a remote one after a click only (S11). */
export function imageElement(source: Record<string, unknown>): HTMLElement {
  const { type, media_type: media, data, url } = source;
  if (type === "base64" && typeof data === "string" && typeof media === "string") {
    if (MEDIA.test(media) && BASE64.test(data)) {
      return h("img", { class: "ipc-image", alt: "Image", src: `data:${media};base64,${data}` });
    }
  }
  const address = type === "url" && typeof url === "string" && /^https?:/i.test(url) ? url : "";
  const box = h("span", { class: "ipc-image-held", "data-ipc": "image-held" }, icon("image"));
  if (!address) {
    box.append("An image that cannot be shown here.");
    return box;
  }
  const load = button(
    "image-load",
    `Load image from ${address}`,
    () => {
      box.replaceWith(
        h("img", { class: "ipc-image", alt: "Image", referrerpolicy: "no-referrer", src: address }),
      );
    },
    "Load image",
  );
  box.append(h("code", { class: "ipc-url" }, address), load);
  return box;
}

export function imageView(block: ImageBlock): BlockView {
  return { el: h("div", { class: "ipc-figure" }, imageElement(block.source)) };
}
