/** What readers do with messages, carried out: in the composer, the kernel or the notebook. */

import type { Doing } from "./actions";
import type { Cells, NewCell } from "./cells";
import type { Composer } from "./composer";
import type { Failure } from "./failure";
import type { Page } from "./page";
import { answerOf } from "./state";
import type { Message, Unsent } from "./wire";

export class Deeds implements Doing {
  /** Where the host lends its notebook; set once the view is in the document. */
  cells: Cells | null = null;
  composer: Composer | null = null;

  constructor(
    private readonly page: Page,
    private readonly failure: Failure,
  ) {}

  get full(): boolean {
    return this.composer !== null;
  }

  quote(text: string): void {
    this.composer?.quote(text);
  }

  edit(prompt: Message): void {
    this.composer?.edit(prompt);
  }

  retry(turnId: string): void {
    void this.ask({ type: "resend", turn: turnId, text: null, fork: false });
  }

  fork(message: Message): void {
    void this.ask({ type: "fork", session_id: null, at: message.client_id, name: "" });
  }

  insert(markdown: string): void {
    void this.put({ cell_type: "markdown", source: markdown }, false);
  }

  answer(turnId: string): string {
    return answerOf(this.page.state, turnId);
  }

  /** Put a cell into the notebook, and run it there if so wished. */
  put(cell: NewCell, run: boolean): Promise<void> {
    return this.guard(async () => {
      if (!this.cells) throw new Error("This host lends no notebook: copy it instead.");
      if (run) await this.cells.run(cell.source);
      else this.cells.insert(cell);
    });
  }

  private ask(request: Unsent): Promise<void> {
    return this.guard(() => this.page.ask(request));
  }

  private async guard(work: () => unknown): Promise<void> {
    this.failure.clear();
    try {
      await work();
    } catch (error) {
      this.failure.show(error instanceof Error && error.name === "Error" ? error.message : error);
    }
  }
}
