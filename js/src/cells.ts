/**
 * The notebook's cells, as far as the host lets a widget reach them.
 *
 * JupyterLab and Notebook 7 hand the widget's manager the document; other hosts don't, and there
 * `cellsOf` is null. Everything is looked for before it is used: it is no promise of the host's.
 */

import type { Model } from "./wire";

export interface NewCell {
  cell_type: "code" | "markdown";
  source: string;
}

interface Kernel {
  requestExecute(
    content: object,
    disposeOnDone: boolean,
    metadata: object,
  ): {
    onIOPub: (message: IOPub) => void;
    done: Promise<{ content: { execution_count?: number } }>;
  };
}

interface IOPub {
  header: { msg_type: string };
  content: Record<string, unknown>;
}

interface CellModel {
  id: string;
  /** Of a code cell. */
  executionCount?: number | null;
  outputs: { add(output: object): void; clear(wait?: boolean): void; toJSON?(): Output[] };
}

/** An output, as the notebook's file has it. */
interface Output {
  output_type?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
  traceback?: string[];
}

/** A cell as it stands in the notebook now. */
export interface Seen {
  /** How a person knows it: `cell [3]`, or by its place where it has not run. */
  name: string;
  /** Its first line. */
  line: string;
  /** Its source and what it shows, as text; made when it is wanted. */
  text(): string;
}

/** A cell of which a call speaks, as it stands in the notebook now. */
export interface Standing {
  readonly name: string;
  readonly kind: "code" | "markdown";
  readonly source: string;
}

interface SharedCell {
  id: string;
  cell_type: string;
  getSource(): string;
  setSource(source: string): void;
}

export interface Context {
  model: {
    cells: { get(at: number): CellModel; length: number };
    sharedModel: {
      insertCell(at: number, cell: NewCell & { id?: string }): SharedCell;
      deleteCell(at: number): void;
      cells: SharedCell[];
    };
  };
  sessionContext: { session: { kernel: Kernel | null } | null };
}

const OUTPUTS = new Set(["stream", "display_data", "execute_result", "error"]);

export class Cells {
  constructor(
    private readonly context: Context,
    private readonly el: Element,
  ) {}

  /** Put a cell below the one that shows this view; return its place. */
  insert(cell: NewCell): number {
    const at = this.below();
    this.context.model.sharedModel.insertCell(at, cell);
    return at;
  }

  /** Put code into a cell below and run it there, as the reader's own. */
  async run(source: string): Promise<void> {
    const at = this.insert({ cell_type: "code", source });
    await execute(this.context, at);
  }

  /** The notebook's cells, from the first to the last. */
  list(): Seen[] {
    const { cells, sharedModel } = this.context.model;
    return sharedModel.cells.map((shared, at) => {
      const source = shared.getSource();
      const model = cells.get(at);
      return {
        name: nameOf(model, at),
        line: source.trim().split("\n", 1)[0] ?? "",
        text: () => described(shared, source, model.outputs?.toJSON?.() ?? []),
      };
    });
  }

  /** The place below the cell that shows this view, else below the active one, else the end. */
  private below(): number {
    const own = this.el.closest(".jp-Notebook .jp-Cell");
    const cell = own ?? document.querySelector(".jp-Notebook .jp-Cell.jp-mod-active");
    const end = this.context.model.sharedModel.cells.length;
    if (!cell) return end;
    // A notebook that draws only the cells in sight numbers them.
    const number = cell.getAttribute("data-windowed-list-index");
    const at = number === null ? siblings(cell).indexOf(cell) : Number(number);
    return at < 0 ? end : Math.min(at + 1, end);
  }
}

function nameOf({ executionCount: count }: CellModel, at: number): string {
  return count ? `cell [${count}]` : `cell #${at}`;
}

/** So much of what a cell shows (characters) goes along. */
const SHOWN = 8_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a traceback
const COLOURS = /\u001b\[[0-9;]*m/g;

function described(cell: SharedCell, source: string, outputs: Output[]): string {
  const shown = outputs.map(said).join("").replace(COLOURS, "");
  const cut = shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… (cut)` : shown;
  const head = `${cell.cell_type} cell, id ${cell.id}`;
  return [head, source, ...(cut ? ["It shows:", cut] : [])].join("\n");
}

function said({ text, data, traceback }: Output): string {
  const words = text ?? traceback?.join("\n") ?? data?.["text/plain"] ?? "";
  return Array.isArray(words) ? words.join("") : String(words);
}

/** Run a cell in its place; what it shows stands under it, as if the reader had run it. */
export async function execute(context: Context, at: number): Promise<void> {
  const cell = context.model.cells.get(at);
  const source = context.model.sharedModel.cells[at]?.getSource() ?? "";
  const kernel = context.sessionContext.session?.kernel;
  if (!kernel) throw new Error("The notebook has no kernel: the code stands in its cell.");
  const content = { code: source, store_history: true, allow_stdin: false, stop_on_error: true };
  cell.outputs.clear();
  const future = kernel.requestExecute(content, false, { cellId: cell.id });
  future.onIOPub = ({ header, content: output }) => {
    if (header.msg_type === "clear_output") cell.outputs.clear(Boolean(output.wait));
    else if (OUTPUTS.has(header.msg_type)) {
      cell.outputs.add({ ...output, output_type: header.msg_type });
    }
  };
  const reply = await future.done;
  cell.executionCount = reply.content.execution_count ?? null;
}

function siblings(cell: Element): Element[] {
  return [...(cell.parentElement?.children ?? [])].filter((each) => each.matches(".jp-Cell"));
}

/** The cells of the notebook that shows `el`; null where the host keeps them to itself. */
export function cellsOf(model: Model, el: Element): Cells | null {
  const context = contextOf(model);
  return context && new Cells(context, el);
}

/** The document that shows this model's views; null where the host keeps it to itself. */
export function contextOf(model: Model): Context | null {
  const context = model.widget_manager?.context as Partial<Context> | undefined;
  if (typeof context?.model?.sharedModel?.insertCell !== "function") return null;
  return context as Context;
}

/** The cell of this id; null where there is none, or the host keeps its cells to itself. */
export function standing(model: Model, id: string): Standing | null {
  const { cells, sharedModel } = contextOf(model)?.model ?? {};
  const at = sharedModel?.cells.findIndex((cell) => cell.id === id) ?? -1;
  const found = sharedModel?.cells[at];
  if (!cells || !found) return null;
  const kind = found.cell_type === "markdown" ? "markdown" : "code";
  return { name: nameOf(cells.get(at), at), kind, source: found.getSource() };
}

const PYTHON = /^(?:i?python3?|py|pycon)$/i;
const SHELL = /^(?:bash|sh|shell|console|zsh)$/i;

/** Whether code of this language can be run in a cell as it stands. */
export function runnable(language: string): boolean {
  return PYTHON.test(language) || SHELL.test(language);
}

/** The cell that a code block becomes. */
export function cellOf(code: string, language: string): NewCell {
  if (PYTHON.test(language)) return { cell_type: "code", source: code };
  if (SHELL.test(language)) return { cell_type: "code", source: `%%bash\n${code}` };
  return { cell_type: "markdown", source: `\`\`\`${language}\n${code}\n\`\`\`` };
}
