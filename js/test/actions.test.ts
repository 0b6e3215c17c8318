import { describe, expect, test, vi } from "vitest";
import { call, MockModel, message, result, returned, text } from "../dev/mock";
import { all, frame, last, one, press, ready, show } from "./helpers";

describe("what can be done with a message", () => {
  const exchange = () => [
    message("user", [text("How many?")], { turn_id: "t-9" }),
    message("assistant", [text("First **this**.")], { turn_id: "t-9" }),
    message("assistant", [call("u-1", "Bash", { command: "wc" })], { turn_id: "t-9" }),
    message("tool", [returned("u-1", "3")], { turn_id: "t-9" }),
    message("assistant", [text("Three.")], { turn_id: "t-9" }),
    message("result", [result()], { turn_id: "t-9" }),
  ];

  async function copied(click: () => void): Promise<string | undefined> {
    const seen: string[] = [];
    const clipboard = { writeText: async (words: string) => void seen.push(words) };
    vi.stubGlobal("navigator", { ...navigator, clipboard });
    click();
    await frame();
    vi.unstubAllGlobals();
    return seen[0];
  }

  test("the whole answer is copied as Markdown, without tools and thoughts", async () => {
    const { el } = await ready({ messages: exchange() });
    expect(await copied(() => one(el, "copy-answer").click())).toBe("First **this**.\n\nThree.");
  });

  test("a quotation goes into the prompt, below what stands there", async () => {
    const { el } = await ready({ messages: exchange() });
    const area = one<HTMLTextAreaElement>(el, "composer");
    area.value = "About this:";
    all(el, "quote").at(-1)?.click();
    expect(area.value).toBe("About this:\n\n> Three.\n\n");
  });

  test("an edited prompt is sent into a fork; Esc lets it be", async () => {
    const { model, el } = await ready({ messages: exchange() });
    model.answers.resend = () => ({ turn_id: "t-10" });
    const area = one<HTMLTextAreaElement>(el, "composer");
    one(el, "edit").click();
    expect(area.value).toBe("How many?");
    expect(one(el, "editing").hidden).toBe(false);
    press(area, "Escape");
    expect(area.value).toBe("");
    one(el, "edit").click();
    area.value = "How few?";
    area.dispatchEvent(new Event("input"));
    press(area, "Enter");
    await frame();
    expect(last(model)).toMatchObject({
      type: "resend",
      turn: "t-9",
      text: "How few?",
      fork: true,
    });
    expect(one(el, "editing").hidden).toBe(true);
    expect(area.value).toBe("");
  });

  test("what went along with a prompt stands folded behind it, and is not edited with it", async () => {
    const file = text('<file path="birds.csv">\ncolony,nests\n</file>');
    const { el } = await ready({ messages: [message("user", [text("Count"), file])] });
    const fold = one(el, "message").querySelector("details");
    expect(fold?.querySelector("summary")?.textContent).toBe("birds.csv");
    expect(fold?.querySelector("pre")?.textContent).toBe("colony,nests");
    one(el, "edit").click();
    expect(one<HTMLTextAreaElement>(el, "composer").value).toBe("Count");
  });

  test("a fork and another try are asked of the kernel; a failure is shown", async () => {
    const { model, el } = await ready({ messages: exchange() });
    model.answers.fork = () => null;
    one(el, "fork").click();
    const id = all(el, "message").at(-1)?.dataset.id;
    expect(last(model)).toMatchObject({ type: "fork", at: id });
    model.answers.resend = () => {
      throw new Error("Claude is still working.");
    };
    one(el, "retry").click();
    expect(last(model)).toMatchObject({ type: "resend", turn: "t-9", text: null, fork: false });
    await frame();
    expect(one(el, "deed-failure").textContent).toContain("Claude is still working.");
  });

  test("code goes into a cell below, and is run there, where the host lends its notebook", async () => {
    const cell = (of: { source: string }) => ({ ...of, getSource: () => of.source });
    const cells = [cell({ source: "%claude_session chat" })];
    const outputs: object[] = [];
    const ran: object[] = [];
    let publish: (message: object) => void = () => undefined;
    const kernel = {
      requestExecute: (content: object) => ({
        ran: ran.push(content),
        set onIOPub(hear: (message: object) => void) {
          publish = hear;
        },
        done: Promise.resolve({ content: { execution_count: 7 } }),
      }),
    };
    const made = {
      id: "c",
      executionCount: null,
      outputs: { add: (each: object) => outputs.push(each), clear: () => outputs.splice(0) },
    };
    const model = new MockModel("chat");
    const insertCell = (at: number, of: { source: string }) => cells.splice(at, 0, cell(of));
    const context = {
      model: { cells: { get: () => made }, sharedModel: { cells, insertCell } },
      sessionContext: { session: { kernel } },
    };
    Object.assign(model, { widget_manager: { context } });
    const { el } = show(model);
    model.snapshot({ messages: [message("assistant", [text("```python\nx = 1\n```")])] });
    await frame();
    expect(el.querySelector(".ipc")?.classList.contains("ipc-has-cells")).toBe(true);
    one(el, "insert-code").click();
    expect(cells.at(-1)).toMatchObject({ cell_type: "code", source: "x = 1" });
    one(el, "run-cell").click();
    publish({ header: { msg_type: "stream" }, content: { name: "stdout", text: "hi" } });
    await frame();
    expect(outputs).toEqual([{ name: "stdout", text: "hi", output_type: "stream" }]);
    expect(ran).toMatchObject([{ code: "x = 1" }]);
    expect(made.executionCount).toBe(7);
  });
});
