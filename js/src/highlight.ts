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
import { load } from "./assets";

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

/** Names, and usual short ones, of what `lazy/languages.ts` holds. */
const LAZY = new Set(
  (
    "c h clojure clj cmake csharp cs dart dockerfile docker elixir ex erlang erl fortran f90 go golang " +
    "graphql gql groovy haskell hs http ini toml java julia jl kotlin kt latex tex less lisp llvm " +
    "lua makefile make mk matlab nginx nix objectivec objc ocaml ml perl pl php powershell ps1 " +
    "protobuf proto ruby rb rust rs scala scss stan swift vim wasm"
  ).split(" "),
);
type Lazy = typeof import("./lazy/languages");

/** Above this (characters) colours cost more than they help. */
const MOST = 60_000;

/** Colour the text of a `code` element, if the language is known; rarer ones are fetched first. */
export function highlight(code: HTMLElement, text: string, language: string): void {
  if (!language || text.length > MOST) return;
  if (hljs.getLanguage(language)) {
    // highlight.js escapes the text; its output holds nothing but spans.
    code.innerHTML = hljs.highlight(text, { language, ignoreIllegals: true }).value;
  } else if (LAZY.has(language)) {
    // Without them the code stands in one colour.
    load<Lazy>("languages.js").then(
      ({ languages }) => {
        for (const [name, each] of Object.entries(languages)) hljs.registerLanguage(name, each);
        highlight(code, text, language);
      },
      () => undefined,
    );
  }
}
