/** Formulas, drawn by KaTeX, which comes from the wheel when the first formula is there. */

import { load, style } from "../assets";
import { DISPLAY, MATH } from "./extensions";

type Katex = typeof import("../lazy/katex");

/** Nothing a formula asks for may load, link, run or grow without end (S11). */
const LIMITS = { trust: false, strict: "ignore", maxSize: 30, maxExpand: 500 } as const;

let katex: Katex | null = null;

async function ready(): Promise<Katex> {
  if (katex) return katex;
  const [module, css] = await Promise.all([load<Katex>("katex.js"), style("katex.css")]);
  document.head.append(css);
  katex = module;
  return module;
}

function draw(el: HTMLElement, tex: string, displayMode: boolean): void {
  katex?.render(tex, el, { ...LIMITS, displayMode, throwOnError: false });
}

/** Draw the formulas in these nodes; until KaTeX is there, and without it, their source stands. */
export function drawMath(fragment: DocumentFragment): void {
  for (const code of fragment.querySelectorAll<HTMLElement>(
    `code[title="${MATH}"], code[title="${DISPLAY}"]`,
  )) {
    const tex = code.textContent ?? "";
    const display = code.title === DISPLAY;
    code.removeAttribute("title");
    const el = document.createElement("span");
    el.className = display ? "ipc-math ipc-math-display" : "ipc-math";
    code.replaceWith(el);
    el.append(code);
    if (katex) draw(el, tex, display);
    // A host that cannot give it leaves the source, which can be read.
    else
      ready().then(
        () => draw(el, tex, display),
        () => undefined,
      );
  }
}
