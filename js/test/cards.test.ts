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

  test("count the seconds of a call that takes long, and say where its output is", async () => {
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
    expect(card.textContent).toContain("comes when it has ended");
    model.events({ type: "message", message: message("tool", [returned("u", "done")]) });
    await frame();
    expect(outcome()).toBe("exit code 0");
    expect(card.textContent).not.toContain("comes when it has ended");
    await vi.advanceTimersByTimeAsync(1_100);
    expect(outcome()).toBe("exit code 0");
    model.events({ type: "turn", turn: turn({ status: "done" }) });
    await frame();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(vi.getTimerCount()).toBe(1); // the hello that this kernel never answered
  });
});
