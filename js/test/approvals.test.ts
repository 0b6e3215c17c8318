import { describe, expect, test } from "vitest";
import { approval, turn } from "../dev/mock";
import { all, frame, last, one, ready } from "./helpers";

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
});
