/**
 * What our Markdown knows beyond GitHub's: formulas and footnotes.
 *
 * They pass the sanitiser as plain elements whose `title` says what they are; `math.ts` and
 * `footnotes.ts` make of them what is shown. A model that writes such elements itself gains
 * nothing but a formula or a footnote.
 */

import type { MarkedExtension, Tokens } from "marked";

export const MATH = "math";
export const DISPLAY = "math-display";
export const NOTE_REF = "footnote";
export const NOTE = "footnote:";

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

const BLOCK = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/;
const INLINE: readonly (readonly [RegExp, boolean])[] = [
  [/^\$\$([^$]+?)\$\$/, true],
  [/^\\\[([\s\S]+?)\\\]/, true],
  [/^\\\(([\s\S]+?)\\\)/, false],
  // Prices are no formulas: no space within the signs, no digit after the last.
  [/^\$(?![\s$])((?:\\[^\n]|[^$\\\n])+?)(?<!\s)\$(?![\d$])/, false],
];
const REF = /^\[\^([^\]\s]+)\](?!:)/;
const DEFINITION = /^ {0,3}\[\^([^\]\s]+)\]:[ \t]*([^\n]+(?:\n(?! {0,3}\[\^)[^\n]+)*)(?:\n|$)/;

function formula(tex: string, display: boolean): string {
  return `<code title="${display ? DISPLAY : MATH}">${escapeHtml(tex.trim())}</code>`;
}

const inlineMath = {
  name: "math",
  level: "inline" as const,
  start: (source: string) => source.match(/\$|\\[([]/)?.index,
  tokenizer(source: string) {
    for (const [pattern, display] of INLINE) {
      const found = pattern.exec(source);
      if (found) return { type: "math", raw: found[0], tex: found[1], display };
    }
    return undefined;
  },
  renderer: (token: Tokens.Generic) => formula(token.tex, token.display),
};

const blockMath = {
  name: "mathBlock",
  level: "block" as const,
  start: (source: string) => source.match(/^ {0,3}(?:\$\$|\\\[)/m)?.index,
  tokenizer(source: string) {
    const found = BLOCK.exec(source);
    const tex = found?.[1] ?? found?.[2];
    return found ? { type: "mathBlock", raw: found[0], tex } : undefined;
  },
  renderer: (token: Tokens.Generic) => `<p>${formula(token.tex, true)}</p>\n`,
};

const noteRef = {
  name: "noteRef",
  level: "inline" as const,
  start: (source: string) => source.match(/\[\^/)?.index,
  tokenizer(source: string) {
    const found = REF.exec(source);
    return found ? { type: "noteRef", raw: found[0], id: found[1] } : undefined;
  },
  renderer: (token: Tokens.Generic) => `<sup title="${NOTE_REF}">${escapeHtml(token.id)}</sup>`,
};

const note = {
  name: "note",
  level: "block" as const,
  start: (source: string) => source.match(/^ {0,3}\[\^/m)?.index,
  tokenizer(this: { lexer: { inlineTokens(text: string): unknown[] } }, source: string) {
    const found = DEFINITION.exec(source);
    if (!found) return undefined;
    const tokens = this.lexer.inlineTokens(found[2] ?? "");
    return { type: "note", raw: found[0], id: found[1], tokens };
  },
  renderer(this: { parser: { parseInline(tokens: never): string } }, token: Tokens.Generic) {
    const words = this.parser.parseInline(token.tokens as never);
    return `<div title="${NOTE}${escapeHtml(token.id)}">${words}</div>\n`;
  },
};

export const EXTENSIONS = [inlineMath, blockMath, noteRef, note] as NonNullable<
  MarkedExtension["extensions"]
>;
