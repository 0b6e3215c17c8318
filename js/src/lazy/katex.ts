/** Loaded when the first formula is drawn: see assets.ts. */

import katex from "katex";

export const render = katex.render;
