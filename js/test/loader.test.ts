import { describe, expect, test, vi } from "vitest";
import { MockModel } from "../dev/mock";
import loader from "../src/loader";
import { all, frame, show } from "./helpers";

/** Render a view that came without the bundle, as anywidget does. */
function later(model: MockModel) {
  const made = loader();
  made.initialize({ model });
  const el = document.createElement("div");
  const rendered = made.render({ model, el });
  return { el, rendered };
}

describe("A view that comes without the bundle", () => {
  test("takes the one that an earlier view brought, and asks for nothing but what it shows", async () => {
    show(new MockModel("turn", "one"));
    const model = new MockModel("turn", "one");
    const { el, rendered } = later(model);
    await rendered;
    await frame();
    expect(all(el, "turn")).toHaveLength(1);
    expect(model.sent.map((request) => request.type)).toEqual(["hello"]);
  });

  test("asks the kernel where the page has none of that name, until it answers", async () => {
    show(new MockModel("turn", "older"));
    const model = new MockModel("turn", "newer");
    const { el } = later(model);
    await vi.advanceTimersByTimeAsync(300);
    expect(el.textContent).toContain("Waiting");
    const asked = model.sent.map((request) => (request.type === "asset" ? request.name : ""));
    expect(asked.sort()).toEqual(["widget.css", "widget.css", "widget.js", "widget.js"]);
    expect(all(el, "turn")).toHaveLength(0);
  });
});
