/** One segment of Markdown to safe nodes. */

import { Marked, type Tokens } from "marked";
import { sanitize } from "../sanitize";
import { codeBlock } from "./code";
import { EXTENSIONS, escapeHtml } from "./extensions";
import { drawMath } from "./math";

const renderer = {
  // The sanitiser lets no class pass: the language travels in `title`.
  code({ text, lang }: Tokens.Code): string {
    const language = escapeHtml(lang?.match(/^[^\s{]+/)?.[0] ?? "");
    return `<pre title="${language}"><code>${escapeHtml(text)}</code></pre>\n`;
  },
  checkbox({ checked }: Tokens.Checkbox): string {
    return checked ? "☑ " : "☐ ";
  },
};

const plain = new Marked({ gfm: true, renderer, extensions: EXTENSIONS });
const broken = new Marked({ gfm: true, breaks: true, renderer, extensions: EXTENSIONS });

/** Render Markdown; `breaks` keeps each line's end, as people mean it in what they type. */
export function renderMarkdown(source: string, breaks = false): DocumentFragment {
  const html = (breaks ? broken : plain).parse(source, { async: false });
  const fragment = sanitize(html);
  for (const pre of fragment.querySelectorAll("pre")) {
    pre.replaceWith(codeBlock(pre.textContent ?? "", pre.title));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "ipc-table";
    table.replaceWith(box);
    box.append(table);
  }
  for (const item of fragment.querySelectorAll("li")) {
    // The box stands for the bullet.
    if (/^\s*[☑☐] /.test(item.textContent ?? "")) item.className = "ipc-task";
  }
  drawMath(fragment);
  return fragment;
}
