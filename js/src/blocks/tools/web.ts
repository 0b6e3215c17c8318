/** The web: what was found there, and what was read. */

import { h } from "../../dom";
import { plural } from "../../format";
import { markdown } from "../../markdown";
import { outward } from "../../sanitize";
import { type Input, resultText, type ToolView, text } from "./types";

interface Page {
  title: string;
  url: string;
}

function pageOf(value: unknown): Page[] {
  const { title, url } = (value ?? {}) as { title?: unknown; url?: unknown };
  return typeof url === "string" ? [{ title: text(title) || url, url }] : [];
}

/** What the CLI asks of the model after what was said of the pages. */
const ASKED = "\nREMINDER: You MUST include the sources above";

/** The CLI's text of a search: the list of pages, and what was said of them. */
function parts(content: unknown): { list: string; words: string } {
  const said = `${resultText(content)}\n`;
  const from = said.indexOf("Links: [");
  const to = from < 0 ? -1 : said.indexOf("]\n", from);
  const words = to < 0 ? said : said.slice(to + 1);
  const end = words.lastIndexOf(ASKED);
  return {
    list: to < 0 ? "" : said.slice(from + "Links: ".length, to + 1),
    words: (end < 0 ? words : words.slice(0, end)).trim(),
  };
}

/** Search results, as the API gives them or as the CLI writes them into its text. */
function pages(content: unknown): Page[] {
  if (Array.isArray(content) && content.some((each) => pageOf(each).length)) {
    return content.flatMap(pageOf);
  }
  const { list } = parts(content);
  if (!list) return [];
  try {
    return (JSON.parse(list) as unknown[]).flatMap(pageOf);
  } catch {
    // Not the list that it looked like: the text is shown as it is.
    return [];
  }
}

function link({ title, url }: Page): HTMLElement {
  const made = h("a", { href: url }, title);
  outward(made);
  return h("li", {}, made, " ", h("code", { class: "ipc-url" }, url));
}

export const search: ToolView = {
  icon: "globe",
  summary: (input) => text(input.query),
  outcome(content, _input, isError) {
    const count = pages(content).length;
    return isError || !count ? "" : plural(count, "result");
  },
  output(content) {
    const found = pages(content);
    if (!found.length) return null;
    const { words } = parts(content);
    const list = h("ul", { class: "ipc-links" });
    list.append(...found.map(link));
    return h("div", { class: "ipc-output" }, list, words && markdown(words));
  },
};

export const fetched: ToolView = {
  icon: "globe",
  summary: (input: Input) => text(input.url),
  output(content, _input, isError) {
    const words = resultText(content);
    return isError || !words ? null : h("div", { class: "ipc-output" }, markdown(words));
  },
};
