import { describe, expect, test } from "vitest";
import { counts, diffElement, hunks } from "../src/blocks/diff";
import { inputElement, outcome, summary, toolLabel, toolOutput } from "../src/blocks/tools";
import { all, dice } from "./helpers";

const shown = (name: string, content: unknown, input = {}, wrong = false) =>
  toolOutput(name, content, input, wrong);

describe("an edit", () => {
  test("is told from what stays, and the words that differ are marked", () => {
    const found = hunks("a\nold word\nc\n", "a\nnew word\nc\n");
    expect(counts(found)).toEqual({ ins: 1, del: 1 });
    const el = diffElement(found);
    expect([...el.children].map((each) => each.textContent)).toEqual([
      "  a",
      "- old word",
      "+ new word",
      "  c",
    ]);
    expect([...el.querySelectorAll("mark")].map((each) => each.textContent)).toEqual([
      "old",
      "new",
    ]);
  });

  test("holds all of both texts, whatever they are", () => {
    const random = dice(3);
    const some = () => Array.from({ length: 30 }, () => "abc"[Math.floor(random() * 3)]).join("\n");
    for (let round = 0; round < 40; round++) {
      const [before, after] = [some(), some()];
      const found = hunks(before, after);
      const side = (skip: "ins" | "del") =>
        found.flatMap((each) => [...each.same, ...each[skip === "ins" ? "del" : "ins"]]);
      expect(side("ins").join("\n")).toBe(before);
      expect(side("del").join("\n")).toBe(after);
    }
  });

  test("folds what is far from any change, and shows it when asked", () => {
    const same = Array.from({ length: 40 }, (_, at) => `line ${at}`).join("\n");
    const el = diffElement(hunks(`${same}\nx\n`, `${same}\ny\n`));
    expect(el.textContent).not.toContain("line 7");
    el.querySelector("button")?.click();
    expect(el.textContent).toContain("line 7");
    expect(el.querySelector("button")).toBeNull();
  });

  test("says in its head how many lines came and went", () => {
    const input = { file_path: "a.py", old_string: "x\ny", new_string: "x" };
    expect(outcome("Edit", "ok", input, false)).toBe("−1");
    expect(outcome("Write", "ok", { content: "a\nb\n" }, false)).toBe("+2");
    expect(outcome("Edit", "no such file", input, true)).toBe("");
  });
});

describe("what a tool returned", () => {
  test("of the notebook is told by what it is about", () => {
    const about = (tool: string, input: object) => summary(`mcp__notebook__${tool}`, { ...input });
    expect(about("install_package", { packages: ["nests==1.0", "eggs"] })).toBe("nests==1.0 eggs");
    expect(about("read_output", { cell: "0123456789" })).toBe("cell 01234567");
    expect(about("read_output", { cell: "[3]", start: 20_000 })).toMatch(/from character 20.000$/);
  });

  test("of a command is what it printed, with its exit code and without escapes", () => {
    const link = "\u001b]8;;file:///a\u001b\\such\u001b]8;;\u0007"; // a terminal's link, ended both ways
    const text = `Exit code 2\n\u001b[31mno\u001b[0m ${link} file`;
    expect(outcome("Bash", text, {}, true)).toBe("exit code 2");
    expect(shown("Bash", text).textContent).toBe("no such file");
    expect(outcome("Bash", "fine", {}, false)).toBe("exit code 0");
    expect(outcome("Bash", "The user said no.", {}, true)).toBe("");
  });

  test("of a file is its text with the numbers of its lines beside it", () => {
    const el = shown("Read", "     9→import os\n    10→\n<note>end</note>", { file_path: "a.py" });
    expect(el.querySelector(".ipc-gutter")?.textContent).toBe("9\n10");
    expect(el.querySelector("code")?.textContent).toBe("import os");
    expect(el.textContent).toContain("<note>end</note>");
    expect(outcome("Read", "     9→import os\n    10→", {}, false)).toBe("2 lines");
  });

  test("of a search stands by file", () => {
    const el = shown("Grep", "a.py:3:x = 1\na.py:4:y\nb.py:1:z", { output_mode: "content" });
    expect([...el.querySelectorAll(".ipc-hit-file")].map((each) => each.textContent)).toEqual([
      "a.py",
      "b.py",
    ]);
    expect(outcome("Glob", "a.py\nb.py", {}, false)).toBe("2 files");
    expect(outcome("Grep", "No files found", {}, false)).toBe("nothing found");
  });

  test("of the web are links that go out, and none that run", () => {
    const text =
      'Links: [{"title":"A","url":"https://a.example"},{"title":"B","url":"javascript:1"}]\n\nSo.';
    const asked = "REMINDER: You MUST include the sources above in your response to the user.";
    const found = shown("WebSearch", `Web search results\n\n${text}\n\n\n${asked}`);
    expect(found.querySelector(".ipc-md")?.textContent?.trim()).toBe("So.");
    const links = [...found.querySelectorAll("a")];
    expect(links.map((each) => each.getAttribute("href"))).toEqual(["https://a.example", null]);
    expect(links[0]?.rel).toBe("noopener noreferrer");
    const server = [{ type: "web_search_result", title: "C", url: "https://c.example" }];
    expect(shown("web_search", server).querySelector("a")?.textContent).toBe("C");
  });

  test("of a subagent is its report, without what is for Claude alone", () => {
    const above = "  <tools-used-before-summary>Grep</tools-used-before-summary>\n  \n";
    const frame = "[Subagent hand-back] It is model output, NOT a message. The report follows:\n";
    const used = "agentId: a1 (to continue)\n<usage>subagent_tokens: 30\ntool_uses: 5\n</usage>";
    const report = "  Storks nest:\n\n  - [Subagent hand-back] north\n    - agentId: south\n";
    const text = above + frame + report + used;
    for (const content of [text, [{ type: "text", text }]]) {
      const words = shown("Agent", content).textContent?.replace(/\s+/g, " ").trim();
      expect(words).toBe("Storks nest: [Subagent hand-back] north agentId: south");
      expect(outcome("Agent", content, {}, false)).toBe("5 tool uses");
    }
    // As earlier versions of the CLI gave it.
    const parts = [
      { type: "text", text: "Storks nest." },
      { type: "text", text: used },
    ];
    expect(shown("Task", parts).textContent?.trim()).toBe("Storks nest.");
    expect(shown("Task", "agentId: who?").textContent).toContain("agentId: who?");
  });

  test("of a tool that nobody knows is shown whole, JSON set out", () => {
    expect(toolLabel("mcp__weather__now")).toBe("weather: now");
    expect(shown("mcp__weather__now", '{"t":{"c":21}}').textContent).toContain('"c": 21');
    expect(shown("Other", [{ type: "odd", x: 1 }]).textContent).toContain('"x": 1');
  });

  test("hostile, makes nothing but text", () => {
    const bad = '<img src=x onerror="1"><script>1</script>';
    for (const name of ["Bash", "Read", "Grep", "Glob", "WebFetch", "WebSearch", "Task", "Other"]) {
      for (const content of [bad, `     1→${bad}`, `a:1:${bad}`, [{ type: "text", text: bad }]]) {
        const el = shown(name, content, { file_path: bad, output_mode: "content" });
        expect(el.querySelector("script, img, [onerror]"), name).toBeNull();
      }
      expect(
        inputElement(name, { command: bad, prompt: bad, plan: bad }).querySelector("img"),
      ).toBeNull();
    }
  });
});

test("a call says in one line what it is about", () => {
  expect(summary("Grep", { pattern: "x", path: "src" })).toBe("x in src");
  expect(summary("Bash", { command: "a\nb" })).toBe("a …");
  expect(summary("Anything", { n: 1, words: "said" })).toBe("said");
  expect(all(inputElement("Bash", { command: "ls" }), "code")).toHaveLength(1);
});
