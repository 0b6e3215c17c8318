/** A call's input, of which the code can be edited before it runs. */

import { editedField, inputElement } from "./blocks/tools";
import type { Standing } from "./cells";
import { button, h } from "./dom";
import { icon } from "./icons";

type Input = Readonly<Record<string, unknown>>;

export class Amend {
  readonly el = h("div", { class: "ipc-amend" });
  private readonly field: string | null;
  private area: HTMLTextAreaElement | null = null;

  constructor(
    private readonly tool: string,
    private readonly input: Input,
    private readonly cell: Standing | null,
    private readonly changed: () => void,
  ) {
    this.field = editedField(tool, input);
    this.show();
  }

  /** The input as it was edited; null where it is what Claude asked for. */
  get edited(): Input | null {
    const { area, field, input } = this;
    return area && field && area.value !== input[field] ? { ...input, [field]: area.value } : null;
  }

  private show(): void {
    this.area = null;
    const edit = button(
      "edit-input",
      "Edit before it runs",
      () => this.edit(),
      icon("edit"),
      "Edit",
    );
    const shown = inputElement(this.tool, this.input, this.cell);
    this.el.replaceChildren(shown, this.field ? edit : "");
    this.changed();
  }

  private edit(): void {
    const field = this.field as string;
    const code = String(this.input[field]);
    const area = h("textarea", {
      class: "ipc-edit",
      "data-ipc": "edited-input",
      "aria-label": `Edit the ${field}`,
      rows: `${Math.min(16, code.split("\n").length + 1)}`,
      spellcheck: "false",
      autocapitalize: "off",
      wrap: "off",
      input: () => this.changed(),
    });
    area.value = code;
    this.area = area;
    const back = button(
      "unedit",
      "Undo edits: back to what Claude asked for",
      () => this.leave(),
      "Undo edits",
    );
    this.el.replaceChildren(area, back);
    area.focus();
    this.changed();
  }

  private leave(): void {
    this.show();
    this.el.querySelector("button")?.focus();
  }
}
