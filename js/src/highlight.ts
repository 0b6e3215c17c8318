/** Colours for closed code blocks; the languages that notebooks' answers use most. */

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = {
  bash,
  cpp,
  css,
  diff,
  javascript,
  json,
  markdown,
  python,
  r,
  sql,
  typescript,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);
hljs.registerAliases(["ipython", "ipython3", "pycon"], { languageName: "python" });
hljs.registerAliases(["console", "shell", "sh", "zsh"], { languageName: "bash" });

/** Above this (characters) colours cost more than they help. */
const MOST = 60_000;

/** Colour the text of a `code` element, if the language is known. */
export function highlight(code: HTMLElement, text: string, language: string): void {
  if (!language || text.length > MOST || !hljs.getLanguage(language)) return;
  // highlight.js escapes the text; its output holds nothing but spans.
  code.innerHTML = hljs.highlight(text, { language, ignoreIllegals: true }).value;
}
