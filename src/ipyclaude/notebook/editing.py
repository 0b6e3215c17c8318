"""`insert_cell`, `edit_cell`, `delete_cell` and `run_cell`: by the page that shows the turn.

JupyterLab and Notebook 7 let a widget's page change their cells. Elsewhere a new cell can be put
below by IPython's `set_next_input` while a cell waits, and nothing else: the model is told so.
"""

from __future__ import annotations

from typing import Any

from ..engine import Tool, ToolOutput
from ..exceptions import IpyClaudeError
from ..hands import ChangeCells
from ..messages import new_id
from ..protocol import CellChange
from ..requests import Changed
from ..runtime import Runtime
from .borrowing import Borrower, said
from .main_thread import MainThread

_CELL: dict[str, Any] = {"type": "string", "description": "The cell's id (read_notebook)."}
_SOURCE: dict[str, Any] = {"type": "string", "description": "The cell's whole source."}
_KIND: dict[str, Any] = {"type": "string", "enum": ["code", "markdown"]}
_CANNOT = (
    "This front end lets no widget change its cells (JupyterLab and Notebook 7 do, while the page "
    "is open). Show the user what to change instead."
)
_BELOW = (
    "This front end lets no widget change its cells, so the cell is put below the one that asked, "
    "when that ends. Only one cell can be put there in a turn: the last one."
)
_QUEUED = "It runs when the cell that asked has ended; its output goes along with the next prompt."
_SENT = "It has been started; read_output tells what it shows."


def _schema(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


class Editing:
    """The tools, for one session; each change is noted with what takes it back."""

    def __init__(
        self,
        shell: Any,
        main: MainThread,
        borrower: Borrower,
        runtime: Runtime,
    ) -> None:
        self._shell, self._main, self._borrower = shell, main, borrower
        self._runtime, self._note = runtime, borrower.note_undo
        below = {**_CELL, "description": "Put it below this cell; else below the one that asks."}
        self.tools = (
            Tool(
                "insert_cell",
                "Put a new cell into the user's notebook. It does not run.",
                _schema(("source",), source=_SOURCE, kind=_KIND, below=below),
                self._insert,
            ),
            Tool(
                "edit_cell",
                "Replace the source of a cell of the user's notebook. It does not run.",
                _schema(("cell", "source"), cell=_CELL, source=_SOURCE),
                self._edit,
            ),
            Tool(
                "delete_cell",
                "Delete a cell of the user's notebook.",
                _schema(("cell",), cell=_CELL),
                self._delete,
            ),
            Tool(
                "run_cell",
                "Run a cell of the user's notebook, in its place.",
                _schema(("cell",), cell=_CELL),
                self._run,
            ),
        )

    async def _insert(self, arguments: dict[str, Any]) -> ToolOutput:
        change = CellChange(
            id=new_id(),
            op="insert",
            cell_id=str(arguments.get("below") or self._borrower.cell_id() or ""),
            kind=arguments.get("kind", "code"),
            source=str(arguments["source"]),
        )
        done = await self._do(change)
        if done is None:
            return await self._put_below(change)
        if not done.error:
            self._note(CellChange(id=new_id(), op="delete", cell_id=done.cell_id))
        return _told(done, f"The cell has the id {done.cell_id}.")

    async def _put_below(self, change: CellChange) -> ToolOutput:
        """Put a code cell below the one that waits, by IPython's own means."""
        if not self._runtime.main_is_waiting or change.kind != "code":
            return said(_CANNOT, is_error=True)
        try:
            await self._main.do(
                lambda: self._shell.set_next_input(change.source), parent=self._borrower.parent()
            )
        except IpyClaudeError as error:
            return said(str(error), is_error=True)
        return said(_BELOW)

    async def _edit(self, arguments: dict[str, Any]) -> ToolOutput:
        source = str(arguments["source"])
        done = await self._do(
            CellChange(id=new_id(), op="edit", cell_id=str(arguments["cell"]), source=source)
        )
        if done is not None and not done.error:
            self._note(CellChange(id=new_id(), op="edit", cell_id=done.cell_id, source=done.source))
        return _told(done, "The cell is changed.")

    async def _delete(self, arguments: dict[str, Any]) -> ToolOutput:
        done = await self._do(CellChange(id=new_id(), op="delete", cell_id=str(arguments["cell"])))
        if done is not None and not done.error:
            self._note(
                CellChange(
                    id=new_id(), op="insert", new_id=done.cell_id, at=done.at,
                    kind=done.kind, source=done.source,
                )
            )  # fmt: skip
        return _told(done, "The cell is deleted.")

    async def _run(self, arguments: dict[str, Any]) -> ToolOutput:
        waits = self._runtime.main_is_waiting
        done = await self._do(CellChange(id=new_id(), op="run", cell_id=str(arguments["cell"])))
        return _told(done, _QUEUED if waits else _SENT)

    async def _do(self, change: CellChange) -> Changed | None:
        change_cells: ChangeCells | None = self._borrower.change_cells()
        return await change_cells(change) if change_cells is not None else None


def _told(done: Changed | None, words: str) -> ToolOutput:
    if done is None:
        return said(_CANNOT, is_error=True)
    return said(done.error, is_error=True) if done.error else said(words)
