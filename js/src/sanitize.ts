/**
 * HTML that a model wrote, made harmless (S11).
 *
 * Only listed elements and attributes pass. No class, id, style or data attribute of the model's
 * own does, so that it cannot dress up as our buttons. Links open outside, and only http(s),
 * mailto and in-page ones survive. An image keeps its address as text only: it is removed while
 * the document is still inert, since an `img` starts to load as soon as it is adopted.
 */

import DOMPurify, { type Config } from "dompurify";
import { button, h } from "./dom";
import { icon } from "./icons";

const TAGS = (
  "a abbr b blockquote br caption code dd del details dfn div dl dt em figcaption figure h1 h2 h3 " +
  "h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table " +
  "tbody td tfoot th thead tr u ul var wbr"
).split(" ");

const CONFIG: Config = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "title", "alt", "src", "align", "colspan", "rowspan", "start", "open"],
  // The others' values must look like an address that is allowed.
  ADD_URI_SAFE_ATTR: ["align", "colspan", "rowspan", "start", "open"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const SAFE_LINK = /^(?:https?:|mailto:)/i;
const HTTP = /^https?:/i;
/** Carries an image's address from the inert document to the placeholder. */
const HELD = "data-ipc-held";

let purifier: ReturnType<typeof DOMPurify> | undefined;

/** A purifier of our own: hooks are global to an instance, and the host page may use another. */
function purify(): ReturnType<typeof DOMPurify> {
  if (purifier) return purifier;
  purifier = DOMPurify(window);
  purifier.addHook("uponSanitizeElement", (node) => {
    if (node instanceof window.Element || "getAttribute" in node) hold(node as Element);
  });
  purifier.addHook("uponSanitizeAttribute", (_node, data) => {
    if (data.attrName === HELD) data.forceKeepAttr = true;
  });
  return purifier;
}

function hold(element: Element): void {
  element.removeAttribute?.(HELD);
  if (element.nodeName !== "IMG") return;
  const address = element.getAttribute("src") ?? "";
  for (const name of [...element.getAttributeNames()]) {
    if (name !== "alt" && name !== "title") element.removeAttribute(name);
  }
  element.setAttribute(HELD, address);
}

/** Sanitise HTML into nodes that may be shown. Nothing is fetched. */
export function sanitize(html: string): DocumentFragment {
  const fragment = purify().sanitize(html, CONFIG) as unknown as DocumentFragment;
  for (const link of fragment.querySelectorAll("a")) outward(link);
  for (const image of fragment.querySelectorAll("img")) {
    image.replaceWith(placeholder(image.getAttribute(HELD) ?? "", image.alt));
  }
  return fragment;
}

/** Let a link open outside, if it is one that may be followed; else it is no link. */
export function outward(link: HTMLAnchorElement): void {
  const address = link.getAttribute("href") ?? "";
  if (!SAFE_LINK.test(address)) {
    link.removeAttribute("href");
    return;
  }
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer");
  // What is shown may name another place than where the link goes.
  if (!link.title) link.title = address;
}

/** What stands for an image until the reader asks for it: its address says where it would go. */
function placeholder(address: string, alt: string): HTMLElement {
  const text = alt || "Image";
  const box = h("span", { class: "ipc-image-held", "data-ipc": "image-held" }, icon("image"), text);
  if (!HTTP.test(address)) {
    box.append(h("span", { class: "ipc-muted" }, " (not shown: not a web address)"));
    return box;
  }
  const load = button(
    "image-load",
    `Load image from ${address}`,
    () => {
      const image = h("img", { alt, referrerpolicy: "no-referrer", class: "ipc-image" });
      image.src = address;
      box.replaceWith(image);
    },
    "Load image",
  );
  box.append(h("code", { class: "ipc-url" }, address), load);
  return box;
}
