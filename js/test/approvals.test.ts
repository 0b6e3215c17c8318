import { describe, expect, test, vi } from "vitest";
import { approval, call, MockModel, message, turn } from "../dev/mock";
import type { Decide } from "../src/wire";
import { all, frame, last, one, press, ready, show } from "./helpers";

const NOTEBOOK = "mcp__notebook__";

/** A host that lends a notebook of one cell, `[3]`, to the widget. */
function lending(source: string, cell_type = "code"): object {
  const cells = [{ id: "c-1", cell_type, getSource: () => source }];
  const get = () => ({ id: "c-1", executionCount: 3 });
  return { context: { model: { cells: { get }, sharedModel: { cells, insertCell: vi.fn() } } } };
}

type Input = Record<string, unknown>;

async function asked(tool: string, input: Input, host: object = {}): Promise<HTMLElement> {
  const model = new MockModel("chat");
  Object.assign(model, { widget_manager: host });
  const { el } = show(model);
  model.snapshot({ approvals: [approval({ tool_name: `${NOTEBOOK}${tool}`, input })] });
  await frame();
  return one(el, "approval");
}

describe("a permission prompt for the notebook", () => {
  test("shows the cell that would be run or deleted, not its id alone (S12)", async () => {
    for (const tool of ["delete_cell", "run_cell"]) {
      const el = await asked(tool, { cell: "c-1" }, lending("old = 1\nprint(old)"));
      expect(el.querySelector(".ipc-fields")?.textContent).toBe("cell[3], id c-1");
      expect(el.querySelector("pre")?.textContent).toBe("old = 1\nprint(old)");
      expect((await asked(tool, { cell: "c-1" })).textContent).toContain("c-1");
    }
  });

  test("shows what an edit changes, and the whole new source", async () => {
    const input = { cell: "c-1", source: "old = 2\nprint(old)" };
    const el = await asked("edit_cell", input, lending("old = 1\nprint(old)"));
    expect(one(el, "diff").textContent).toBe("- old = 1+ old = 2  print(old)");
    expect(el.querySelector("pre")?.textContent).toBe("old = 2\nprint(old)");
    one(el, "edit-input").click();
    expect(one<HTMLTextAreaElement>(el, "edited-input").value).toBe(input.source);
    const bare = await asked("edit_cell", input);
    expect(all(bare, "diff")).toEqual([]);
    expect(bare.querySelector("pre")?.textContent).toBe(input.source);
  });

  test("says below which cell a new one goes, and what is installed", async () => {
    const input = { source: "# Birds", kind: "markdown", below: "c-1" };
    const inserted = await asked("insert_cell", input, lending("old = 1"));
    expect(inserted.textContent).toContain("belowcell [3], id c-1");
    expect(inserted.querySelector("pre")?.textContent).toBe("# Birds");
    const wrong = await asked("insert_cell", { code: "1" });
    expect(wrong.querySelector(".ipc-fields")?.textContent).toBe("code1");
    expect(wrong.querySelector("pre")).toBeNull();
    const installed = await asked("install_package", { packages: ["nests==1.0", "eggs>=2"] });
    expect(installed.querySelector("pre")?.textContent).toBe('pip install "nests==1.0" "eggs>=2"');
    expect(installed.textContent).toContain("this notebook's kernel");
  });
});

describe("a permission prompt", () => {
  test("shows the real input whole, and sends the answer that was clicked (S12)", async () => {
    const command = `rm -rf build && ${"x".repeat(3000)} && echo END`;
    for (const [hook, allow, scope, pattern] of [
      ["allow-once", true, "once", ""],
      ["allow-session", true, "session", ""],
      ["allow-always", true, "always", "Bash(rm:*)"],
      ["deny", false, "once", ""],
    ] as const) {
      const asked = approval({ input: { command }, pattern: "Bash(rm:*)" });
      const { model, el } = await ready(
        { approvals: [asked], turn: turn({ status: "waiting" }) },
        "turn",
      );
      expect(one(el, "approval").querySelector("pre")?.textContent).toBe(command);
      const reason = one<HTMLInputElement>(el, "approval-reason");
      reason.value = "not now";
      one(el, hook).click();
      expect(last(model)).toMatchObject({
        type: "decide",
        approval_id: asked.client_id,
        allow,
        scope,
        pattern,
        reason: allow ? "" : "not now",
      });
      expect(one<HTMLButtonElement>(el, hook).disabled).toBe(true);
      const id = last(model)?.id ?? "";
      const stands = { ...asked, status: allow ? ("allowed" as const) : ("denied" as const) };
      model.receive({ type: "reply", id, result: stands, error: null });
      await frame();
      expect(all(el, "approval")).toEqual([]);
    }
  });

  test("can be answered again after a failure", async () => {
    const { model, el } = await ready({ approvals: [approval()] });
    model.answers.decide = () => {
      throw new Error("This question is gone.");
    };
    one(el, "allow-once").click();
    await frame();
    expect(one(one(el, "approval"), "failure").textContent).toContain("This question is gone.");
    expect(one<HTMLButtonElement>(el, "allow-once").disabled).toBe(false);
  });

  test("the focus goes to the next question, never to its answers, and then to the prompt", async () => {
    const { model, el } = await ready({ approvals: [approval(), approval()] });
    const [first, second] = all(el, "approval") as [HTMLElement, HTMLElement];
    model.answers.decide = (request) => {
      const { approval_id } = request as Decide;
      return approval({ client_id: approval_id, status: "allowed" });
    };
    one(first, "allow-once").focus();
    one(first, "allow-once").click();
    await frame();
    expect(document.activeElement).toBe(second);
    one(second, "allow-session").focus();
    one(second, "allow-session").click();
    await frame();
    expect(document.activeElement).toBe(one(el, "composer"));
  });

  test("counts at the icon of an installed page that is in the background", async () => {
    const icon = vi.fn(async () => undefined);
    Object.assign(navigator, { setAppBadge: icon, clearAppBadge: () => icon() });
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    document.title = "birds";
    const asked = approval();
    const { model } = await ready({ approvals: [asked, approval()] });
    await vi.advanceTimersByTimeAsync(300);
    expect(icon).toHaveBeenLastCalledWith(2);
    expect(document.title).toBe("(2) Claude asks · birds");
    model.snapshot({});
    await vi.advanceTimersByTimeAsync(300);
    expect(icon).toHaveBeenLastCalledWith();
    expect(document.title).toBe("birds");
    hidden.mockRestore();
  });

  test("answered elsewhere, it goes away", async () => {
    const asked = approval();
    const { model, el } = await ready({ approvals: [asked] });
    model.events({ type: "approval", approval: { ...asked, status: "denied" } });
    await frame();
    expect(all(el, "approval")).toEqual([]);
  });

  test("offers no pattern where there is none", async () => {
    const { el } = await ready({ approvals: [approval({ pattern: "" })] });
    expect(all(el, "allow-always")).toEqual([]);
  });

  test("can be edited before it runs, and then holds for once only", async () => {
    const name = "mcp__notebook__run_python";
    const asked = approval({
      tool_name: name,
      input: { code: "x = 1", timeout: 9 },
      pattern: name,
    });
    const { model, el } = await ready({
      messages: [message("assistant", [call("u-ask", name, asked.input)])],
      approvals: [asked],
    });
    one(el, "edit-input").click();
    const area = one<HTMLTextAreaElement>(el, "edited-input");
    expect(area.value).toBe("x = 1");
    expect(document.activeElement).toBe(area);
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    press(area, "Enter", { shiftKey: true });
    document.body.removeEventListener("keydown", heard);
    expect(heard).not.toHaveBeenCalled();
    expect(one(el, "allow-once").textContent).toBe("Allow once");
    const write = (code: string) => {
      area.value = code;
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    write("x = 2");
    expect(one(el, "allow-once").textContent).toBe("Run as edited");
    expect([one(el, "allow-always").hidden, one(el, "allow-session").hidden]).toEqual([true, true]);
    model.answers.decide = () => ({
      ...asked,
      status: "allowed",
      edited_input: { code: "x = 2", timeout: 9 },
    });
    one(el, "allow-once").click();
    expect(last(model)).toMatchObject({ allow: true, input: { code: "x = 2", timeout: 9 } });
    await frame();
    const card = el.querySelector(`[data-tool="${name}"]`);
    expect(card?.textContent).toContain("allowed, edited");
    expect(card?.querySelector(".ipc-tool-summary")?.textContent).toBe("x = 2");
  });

  test("goes back to what Claude asked for, and sends no input that nobody changed", async () => {
    const asked = approval();
    const { model, el } = await ready({ approvals: [asked] });
    one(el, "edit-input").click();
    one<HTMLTextAreaElement>(el, "edited-input").value = "rm x";
    one(el, "unedit").click();
    expect(all(el, "edited-input")).toEqual([]);
    expect(one(el, "approval").querySelector("pre")?.textContent).toBe("git status --short");
    one(el, "allow-once").click();
    expect(last(model)).toMatchObject({ allow: true, input: null });
  });

  test("of a plan is approved, or sent back with what is to change", async () => {
    const asked = approval({ tool_name: "ExitPlanMode", input: { plan: "## Steps\n\n1. Read" } });
    const { model, el } = await ready({ approvals: [asked] });
    expect(one(el, "approval").querySelector("h2")?.textContent).toBe("Steps");
    expect(one(el, "allow-once").textContent).toBe("Approve the plan");
    expect(all(el, "allow-session")).toEqual([]);
    one<HTMLInputElement>(el, "approval-reason").value = "count first";
    one(el, "deny").click();
    expect(last(model)).toMatchObject({ allow: false, reason: "count first" });
  });

  test("of another person's machine is shown, and only that person can answer it", async () => {
    const theirs = approval({ person: "Ana", may_answer: false });
    const { el } = await ready({ approvals: [theirs, approval({ person: "Bo" })] });
    const [first, second] = all(el, "approval") as [HTMLElement, HTMLElement];
    expect(one(first, "approval-theirs").textContent).toContain("Ana's machine");
    expect(all(first, "allow-once")).toEqual([]);
    expect(one(second, "allow-once")).toBeTruthy();
  });
});
