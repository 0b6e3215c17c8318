/** What Claude does to the notebook's cells, carried out by the one page that claims it. */

import { type Context, contextOf, execute } from "./cells";
import type { CellChange, Changed, Model, Results, Unsent } from "./wire";

type Ask = <U extends Unsent>(unsent: U) => Promise<Results[U["type"]]>;
type Done = Pick<Changed, "cell_id" | "at" | "kind" | "source">;

/** Do it, if this host lends its cells and no other page was first. */
export async function changeCells(model: Model, wanted: CellChange, ask: Ask): Promise<void> {
  const context = contextOf(model);
  if (!context || !(await ask({ type: "claim", change_id: wanted.id }))) return;
  let done: Done = { cell_id: "", at: -1, kind: "code", source: "" };
  let error = "";
  try {
    done = perform(context, wanted);
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  }
  await ask({ type: "changed", change_id: wanted.id, error, ...done });
}

/** Returns where the cell is, and what it held before. */
function perform(context: Context, wanted: CellChange): Done {
  const shared = context.model.sharedModel;
  const found = shared.cells.findIndex((cell) => cell.id === wanted.cell_id);
  if (wanted.op === "insert") {
    const end = shared.cells.length;
    const at = Math.min(wanted.at ?? (found < 0 ? end : found + 1), end);
    const id = wanted.new_id ? { id: wanted.new_id } : {};
    const cell = shared.insertCell(at, { ...id, cell_type: wanted.kind, source: wanted.source });
    return { cell_id: cell.id, at, kind: wanted.kind, source: "" };
  }
  const cell = shared.cells[found];
  if (!cell) throw new Error(`No cell of the notebook has the id ${wanted.cell_id}.`);
  const before = { cell_id: cell.id, at: found, source: cell.getSource() };
  const done: Done = { ...before, kind: cell.cell_type === "markdown" ? "markdown" : "code" };
  if (wanted.op === "edit") cell.setSource(wanted.source);
  else if (wanted.op === "delete") shared.deleteCell(found);
  else if (cell.cell_type === "code") void execute(context, found);
  return done;
}
