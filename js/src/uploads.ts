/** Files and images that go with a prompt: pasted, dropped or chosen. */

import type { Seen } from "./cells";
import { button, h } from "./dom";
import { icon } from "./icons";
import type { Upload } from "./wire";

/** The API takes no larger images (bytes). */
const MOST = 5_000_000;
/** What the kernel knows a cell by (requests.py). */
const CELL = "text/x-notebook-cell";

interface Kept {
  upload: Upload;
  el: HTMLElement;
}

export class Uploads {
  readonly el = h("div", { class: "ipc-uploads", "data-ipc": "uploads" });
  readonly opener: HTMLButtonElement;
  private kept: Kept[] = [];

  constructor(
    private readonly changed: () => void,
    private readonly refused: (why: string) => void,
  ) {
    const input = h("input", { type: "file", multiple: true, hidden: true, tabindex: "-1" });
    input.addEventListener("change", () => {
      void this.add(input.files);
      input.value = "";
    });
    this.opener = button("attach", "Attach a file or an image", () => input.click(), icon("clip"));
    this.el.append(input);
  }

  get list(): readonly Upload[] {
    return this.kept.map((each) => each.upload);
  }

  clear(): void {
    for (const { el } of this.kept) el.remove();
    this.kept = [];
    this.changed();
  }

  /** Take up a cell of the notebook, as it stands now. */
  addCell({ name, text }: Seen): void {
    if (this.kept.some((each) => each.upload.name === name)) return;
    const bytes = new TextEncoder().encode(text());
    const data = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    this.keep({ name, media_type: CELL, data }, icon("cell"));
  }

  /** Take up files; true if there were any. */
  add(files: FileList | null | undefined): boolean {
    const list = [...(files ?? [])];
    for (const file of list) void this.read(file);
    return list.length > 0;
  }

  private async read(file: File): Promise<void> {
    if (file.size > MOST) {
      this.refused(
        `${file.name} is larger than 5 MB. Put it beside the notebook and name it by @.`,
      );
      return;
    }
    const url = await dataUrl(file);
    const data = url.slice(url.indexOf(",") + 1);
    const upload = { name: file.name || "image", media_type: file.type, data };
    const picture = /^image\/(?:png|jpeg|gif|webp)$/.test(file.type);
    this.keep(upload, picture ? h("img", { src: url, alt: "" }) : icon("file"));
  }

  private keep(upload: Upload, sign: Element): void {
    const el = h(
      "span",
      { class: "ipc-upload", "data-ipc": "upload" },
      sign,
      h("span", {}, upload.name),
      button("upload-remove", `Remove ${upload.name}`, () => this.remove(el), icon("cross")),
    );
    this.kept.push({ upload, el });
    this.el.append(el);
    this.changed();
  }

  private remove(el: HTMLElement): void {
    el.remove();
    this.kept = this.kept.filter((each) => each.el !== el);
    this.changed();
  }
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
