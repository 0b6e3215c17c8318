import { describe, expect, test } from "vitest";
import { MarkdownView, markdown } from "../src/markdown";
import { Splitter } from "../src/markdown/splitter";
import { dice } from "./helpers";

const SAMPLES: Record<string, string> = {
  prose: "# Title\n\nA *few* words,\nand **more**.\n\nNext `code` para.\n\nSetext\n===\n\nEnd",
  lists:
    "1. one\n\n   still one\n2. two\n   - a\n   - b\n\n3. three\n\n- x\n- y\n\nafter\n- z\n\n***\n\nend\n",
  code: "Look:\n```python title=x\nx = 1\n\n# not a heading\n``` not closed\n```\nafter\n~~~\n```\n~~~\n",
  open: "Text\n\n```js\nlet a = 1;\nlet b",
  nested:
    "- item\n\n  ```py\n  x = 1\n\n  y = 2\n  ```\n\n- next\n\n> quote\n> ```\n> code\n> ```\n\nend",
  table: "| a | b |\n| - | -: |\n| 1 | 2 |\n| 3 | 4 |\n\ntext",
  html: "<details>\n<summary>More</summary>\n\nInside **bold**\n\n</details>\n\nOutside",
  references:
    "See [the docs][d] and [others].\n\nMore.\n\n[d]: https://example.org/d\n[others]: https://example.org/o",
  notes: "One[^a] and two[^b] and one[^a].\n\n[^b]: Second *note*\n[^a]: First\n\nThen[^c].\n",
  math: "A $x^2$ for $5 and $10.\n\n$$\na\n= b\n$$\n\n\\(c\\) and \\[d\\]",
  tasks: "- [ ] open\n- [x] done\n",
  indented: "para\n\n    code line\n\n    more code\n\nend",
  long: `${"word ".repeat(9000)}\n\nend`,
  wide: `\`\`\`\n${"x".repeat(3000)}\n\`\`\`\n`,
};

function* chunks(text: string, random: () => number): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const size = 1 + Math.floor(random() ** 2 * Math.max(24, text.length / 50));
    yield text.slice(at, at + size);
    at += size;
  }
}

function inChunks(text: string, random: () => number): string {
  const view = new MarkdownView();
  for (const piece of chunks(text, random)) view.feed(piece);
  view.finish();
  return view.el.innerHTML;
}

/** Where the splitter cuts, as text: fast enough to try hundreds of ways to chunk. */
function cuts(text: string, random: () => number = () => 1): string {
  const said: string[] = [];
  const splitter = new Splitter({
    open: (kind, language) => said.push(`<${kind} ${language}>`),
    add: (piece) => said.push(piece),
    close: () => said.push("</>"),
    definition: (line) => said.push(`<def ${line}>`),
  });
  for (const piece of chunks(text, random)) splitter.feed(piece);
  splitter.finish();
  return said.join("");
}

describe("streamed Markdown is drawn as the whole is, however it was cut", () => {
  for (const [name, text] of Object.entries(SAMPLES)) {
    test(name, () => {
      const whole = cuts(text);
      for (let seed = 1; seed <= 60; seed++) {
        expect(cuts(text, dice(seed)), `seed ${seed}`).toBe(whole);
      }
      expect(inChunks(text, dice(7))).toBe(markdown(text).innerHTML);
    });
  }

  test("random mixtures of the samples", () => {
    const parts = Object.values(SAMPLES).filter((each) => each.length < 500);
    for (let seed = 1; seed <= 300; seed++) {
      const random = dice(seed);
      const pick = () => parts[Math.floor(random() * parts.length)] ?? "";
      const text = [pick(), pick(), pick(), pick()].join("\n\n");
      expect(cuts(text, random), `seed ${seed}`).toBe(cuts(text));
    }
  });
});

describe("what is drawn", () => {
  test("lists keep their numbers over blank lines", () => {
    const lists = markdown("1. one\n\n2. two\n\n3. three\n\nend").querySelectorAll("ol");
    expect(lists).toHaveLength(1);
    expect(lists[0]?.children).toHaveLength(3);
  });

  test("a reference that is defined last is a link", () => {
    const link = markdown(SAMPLES.references ?? "").querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://example.org/d");
  });

  test("blank lines in <details> stay inside it", () => {
    expect(markdown(SAMPLES.html ?? "").querySelector("details strong")?.textContent).toBe("bold");
  });

  test("code is coloured once it is closed, and can be copied", () => {
    const view = new MarkdownView();
    view.feed("```python\ndef f():\n");
    expect(view.el.querySelector("pre")?.textContent).toBe("def f():\n");
    expect(view.el.querySelector(".hljs-keyword")).toBeNull();
    view.feed("    pass\n```\n");
    expect(view.el.querySelector(".hljs-keyword")?.textContent).toBe("def");
    expect(view.el.querySelector("pre")?.textContent).toBe("def f():\n    pass");
    expect(view.el.querySelector('[data-ipc="copy"]')).not.toBeNull();
  });

  test("a closing fence that is half there is not shown as code", () => {
    const view = new MarkdownView();
    view.feed("```\na\n``");
    expect(view.el.querySelector("pre")?.textContent).toBe("a\n");
  });

  test("text shows before its line is finished", () => {
    const view = new MarkdownView();
    view.feed("Hel");
    expect(view.el.textContent?.trim()).toBe("Hel");
    view.feed("lo **you**");
    expect(view.el.querySelector("strong")?.textContent).toBe("you");
  });

  test("finished segments are not drawn again", () => {
    const view = new MarkdownView();
    view.feed("First.\n\nSecond.\n\n");
    const first = view.el.querySelector("p");
    view.feed("Third.\n\nFourth");
    view.finish();
    expect(view.el.querySelector("p")).toBe(first);
  });
});

describe("the cost of a character does not grow with the length", () => {
  const shapes: Record<string, (size: number) => string> = {
    answer: (size) =>
      "Some **words** in a paragraph of `code` and prose.\n\n- a\n- b\n\n```py\nx = 1\n```\n\n".repeat(
        size / 80,
      ),
    paragraph: (size) => "words and `code` and *more* ".repeat(size / 28),
    code: (size) => `\`\`\`py\n${"value = compute(1, 2)\n".repeat(size / 22)}`,
    line: (size) => `\`\`\`\n${"x".repeat(size)}`,
    list: (size) => "- an item of a list\n".repeat(size / 20),
  };

  function parsed(text: string): number {
    // Characters given to the parser and the DOM, which is what the time goes to.
    let work = 0;
    const view = new MarkdownView();
    const spied = view as unknown as { render(el: HTMLElement, text: string): void };
    spied.render = (_el, source) => {
      work += source.length;
    };
    for (let at = 0; at < text.length; at += 100) view.feed(text.slice(at, at + 100));
    view.finish();
    return work / text.length;
  }

  for (const [name, make] of Object.entries(shapes)) {
    test(name, () => {
      const small = parsed(make(10_000));
      const large = parsed(make(100_000));
      expect(large).toBeLessThanOrEqual(Math.max(1, small) * 2);
    });
  }
});

describe("footnotes", () => {
  test("stand at the end, in the order in which they are named, with a way there and back", () => {
    const el = markdown(SAMPLES.notes as string);
    expect([...el.querySelectorAll("sup")].map((each) => each.textContent)).toEqual([
      "1",
      "2",
      "1",
    ]);
    const notes = [...el.querySelectorAll(".ipc-notes li")];
    expect(notes.map((each) => each.textContent)).toEqual(["First↩", "Second note↩"]);
    document.body.append(el);
    el.querySelectorAll<HTMLElement>("sup button")[1]?.click();
    expect(document.activeElement).toBe(notes[1]);
    notes[1]?.querySelector("button")?.click();
    expect(document.activeElement).toBe(el.querySelectorAll("sup button")[1]);
    el.remove();
  });

  test("that are nowhere defined stay as they were written", () => {
    expect(markdown(SAMPLES.notes as string).textContent).toContain("Then[^c].");
  });
});

describe("formulas", () => {
  test("are told from prices, and stand as their source until they can be drawn", () => {
    const found = [...markdown(SAMPLES.math as string).querySelectorAll(".ipc-math")];
    expect(found.map((each) => each.textContent)).toEqual(["x^2", "a\n= b", "c", "d"]);
    expect(found.map((each) => each.classList.contains("ipc-math-display"))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  test("hold nothing but text", () => {
    const el = markdown("$<img src=x onerror=1>$ and $$</code><script>1</script>$$");
    expect(el.querySelector("img, script, [onerror]")).toBeNull();
  });
});
