import { describe, expect, test, vi } from "vitest";
import { call, message, returned, text, turn } from "../dev/mock";
import { all, frame, one, ready } from "./helpers";

describe("tool cards", () => {
  test("show a summary, and the folded input and result when opened", async () => {
    const { model, el } = await ready({
      messages: [message("assistant", [call("u", "Bash", { command: "ls -l" })])],
    });
    const card = el.querySelector<HTMLDetailsElement>("[data-tool]") as HTMLDetailsElement;
    expect(card.dataset.state).toBe("running");
    expect(card.querySelector("summary")?.textContent).toContain("ls -l");
    expect(card.open).toBe(false);
    model.events({ type: "message", message: message("tool", [returned("u", "a.txt")]) });
    await frame();
    expect(card.dataset.state).toBe("ok");
    card.open = true;
    card.dispatchEvent(new Event("toggle"));
    expect(card.querySelector(".ipc-output")?.textContent).toBe("a.txt");
    const visible = all(el, "message").filter((each) => !each.hidden);
    expect(visible).toHaveLength(1);
  });

  test("tell an error, a subagent's messages, and a call that got no result", async () => {
    const { el } = await ready({
      turn: turn({ status: "stopped" }),
      messages: [
        message("assistant", [call("bad", "Read", { file_path: "x" })]),
        message("tool", [returned("bad", "no such file", true)]),
        message("assistant", [call("task", "Task", { description: "look" })]),
        message("assistant", [text("inner")], { parent_tool_use_id: "task" }),
      ],
    });
    const cards = [...el.querySelectorAll<HTMLElement>("[data-tool]")];
    expect(cards.map((each) => each.dataset.state)).toEqual(["error", "ended"]);
    expect(cards[1]?.querySelector(".ipc-children")?.textContent?.trim()).toBe("inner");
  });

  test("a result whose call came from an older page goes into its card", async () => {
    const { model, el } = await ready({
      messages: [message("tool", [returned("u", "out")])],
      more: true,
    });
    expect(all(el, "message")[0]?.textContent).toContain("Result of an earlier call");
    model.answers.older = () => ({
      messages: [message("assistant", [call("u", "Bash", { command: "ls" })])],
      more: false,
    });
    one(el, "older").click();
    await frame();
    expect(el.querySelector<HTMLElement>("[data-tool]")?.dataset.state).toBe("ok");
    expect(el.textContent).not.toContain("Result of an earlier call");
  });

  test("a block of an unknown kind is shown whole (S7)", async () => {
    const odd = { type: "hologram", data: 7 } as never;
    const { el } = await ready({
      messages: [message("assistant", [odd, { type: "unknown", raw: { type: "aura" } }])],
    });
    expect(el.textContent).toContain('"hologram"');
    expect(el.textContent).toContain("Block aura");
  });

  test("show what a command has printed until its result is there", async () => {
    const { model, el } = await ready({
      turn: turn(),
      printed: [{ type: "printed", tool_use_id: "u", text: "one\n" }],
      messages: [
        message("assistant", [call("u", "Bash", { command: "make" })]),
        message("assistant", [call("v", "Bash", { command: "make more" })]),
      ],
    });
    const cards = el.querySelectorAll<HTMLDetailsElement>("[data-tool]");
    const [card, other] = [...cards] as [HTMLDetailsElement, HTMLDetailsElement];
    for (const each of [card, other]) {
      each.open = true;
      each.dispatchEvent(new Event("toggle"));
    }
    const printed = one(el, "printed");
    expect(card.contains(printed)).toBe(true);
    expect(all(el, "printed")).toHaveLength(1);
    expect(printed.textContent).toBe("one\n");
    expect(printed.closest("[aria-live]")).toBeNull();

    const size = { scrollHeight: 500, clientHeight: 100 };
    for (const [name, value] of Object.entries(size))
      Object.defineProperty(printed, name, { value });
    printed.scrollTop = 395;
    const red = "\u001b[31mred\u001b[0m";
    const tell = async (text: string) => {
      model.events({ type: "printed", tool_use_id: "u", text });
      await frame();
    };
    await tell(`one\r\ntwo\n10 %\r90 %\r99 %\r\n${red}\r`);
    expect(printed.textContent).toBe("one\r\ntwo\n99 %\r\nred\r");
    expect(card.querySelector("summary > .ipc-latest")?.textContent).toBe("red");
    expect(printed.scrollTop).toBe(500);
    printed.scrollTop = 200; // the reader looks at what was before
    await tell("two\nthree\n");
    expect(printed.textContent).toBe("two\nthree\n");
    expect(printed.scrollTop).toBe(200);

    model.events({ type: "message", message: message("tool", [returned("u", "all of it")]) });
    await frame();
    expect(all(el, "printed")).toHaveLength(0);
    expect(card.textContent).toContain("all of it");
    expect(other.textContent).toContain("or when it has ended");
    model.events({ type: "turn", turn: turn({ status: "done" }) });
    await frame();
    await vi.advanceTimersByTimeAsync(1_100); // the clock of all cards ends with the last of them
  });

  test("count the seconds of a call that takes long, and say when its output comes", async () => {
    const { model, el } = await ready({
      turn: turn(),
      messages: [message("assistant", [call("u", "Bash", { command: "sleep 9" })])],
    });
    const card = el.querySelector<HTMLDetailsElement>("[data-tool]") as HTMLDetailsElement;
    const outcome = () => card.querySelector(".ipc-outcome")?.textContent;
    await vi.advanceTimersByTimeAsync(1_100);
    expect(outcome()).toBe("");
    await vi.advanceTimersByTimeAsync(4_000);
    expect(outcome()).toBe("5 s");
    card.open = true;
    card.dispatchEvent(new Event("toggle"));
    expect(card.textContent).toContain("or when it has ended");
    model.events({ type: "message", message: message("tool", [returned("u", "done")]) });
    await frame();
    expect(outcome()).toBe("exit code 0");
    expect(card.textContent).not.toContain("or when it has ended");
    await vi.advanceTimersByTimeAsync(1_100);
    expect(outcome()).toBe("exit code 0");
    model.events({ type: "turn", turn: turn({ status: "done" }) });
    await frame();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(vi.getTimerCount()).toBe(1); // the hello that this kernel never answered
  });
});
