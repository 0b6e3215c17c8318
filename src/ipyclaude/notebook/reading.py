"""`read_notebook` and `read_output`: the cells as the file has them, and as this kernel ran them.

Where the front end says which file it is, its cells are read as they were last saved; what ran
since stands in the kernel's own record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..engine import Tool, ToolOutput
from ..host import Host
from ..times import clock
from .borrowing import masked, said
from .capture import READ_CHARS, Captured, Part, bounded, named
from .recording import CellRun, Recorder

SOURCE_CHARS, OUTPUT_CHARS, ALL_CHARS = 6_000, 1_500, 60_000
#: Characters of an output that are read at once: what the CLI takes from a tool, and less.
PIECE_CHARS = 20_000
MAX_CELLS = 40
_READ = """\
Read the user's notebook: its cells with ids, sources and shortened outputs, as last saved, and \
the cells that this kernel has run. Use read_output for an output in full."""
_OUTPUT = """\
Read the output of one cell: by its id, or by its execution count such as 3. A long one comes in \
pieces; each says where the next begins."""
_PAGE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "start": {"type": "integer", "minimum": 0, "description": "First cell, from 0."},
        "count": {"type": "integer", "minimum": 1, "maximum": MAX_CELLS},
    },
    "additionalProperties": False,
}
_CELL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "cell": {"type": "string", "description": "Cell id, or execution count."},
        "start": {"type": "integer", "minimum": 0, "description": "First character, from 0."},
    },
    "required": ["cell"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class SavedCell:
    """A cell as the notebook's file has it."""

    id: str
    kind: str
    source: str
    captured: Captured
    execution_count: int | None = None


class Reading:
    """The tools, for one kernel."""

    def __init__(self, host: Host, recorder: Recorder) -> None:
        self._host, self._recorder = host, recorder
        self.tools = (
            Tool("read_notebook", _READ, _PAGE, self._read, read_only=True),
            Tool("read_output", _OUTPUT, _CELL, self._output, read_only=True),
        )

    async def _read(self, arguments: dict[str, Any]) -> ToolOutput:
        start, count = int(arguments.get("start", 0)), int(arguments.get("count", MAX_CELLS))
        path, cells = find_file(self._host), saved_cells(find_file(self._host))
        parts: list[str] = []
        if cells and path is not None:
            saved = clock(path.stat().st_mtime * 1000)
            parts.append(f"{path.name}, {len(cells)} cells, as saved at {saved}:")
            parts += [saved_text(n, cell) for n, cell in enumerate(cells)][start : start + count]
        ran = self._recorder.since(0)[-count:]
        if ran:
            parts += ["Cells that this kernel has run, oldest first:", *map(run_text, ran)]
        text = bounded("\n\n".join(parts), ALL_CHARS)
        return await self._told(said(text or "Nothing is saved here, and no cell has been run."))

    async def _output(self, arguments: dict[str, Any]) -> ToolOutput:
        wanted, start = str(arguments["cell"]).strip("[] "), int(arguments.get("start", 0))
        content = self._find(wanted)
        if content is None:
            return said(f"There is no cell {wanted!r}; read_notebook lists them.", is_error=True)
        if not content:
            return said("It showed nothing.")
        text = named(content)
        if start == 0 and len(text) <= PIECE_CHARS:
            return await self._told(ToolOutput(content))
        # Masked before it is cut: half of a secret looks like none.
        whole = (await self._told(said(text))).content[0]["text"]
        pictures = tuple(part for part in content if part["type"] == "image" and start == 0)
        return ToolOutput((*piece(whole, start), *pictures), is_error=start >= len(whole))

    def _find(self, wanted: str) -> tuple[Part, ...] | None:
        """Return what a cell shows: as this kernel ran it, else as saved; None if there is none."""
        for cell in reversed(self._recorder.since(0)):
            if wanted in (cell.cell_id, str(cell.execution_count)):
                return said(cell.output).content if cell.output else ()
        for saved in saved_cells(find_file(self._host)):
            if wanted in (saved.id, str(saved.execution_count)):
                return tuple(saved.captured.content())
        return None

    async def _told(self, output: ToolOutput) -> ToolOutput:
        return await masked(output, self._host.shell.user_ns)


def piece(text: str, start: int) -> tuple[Part, ...]:
    """Return a piece of a text, and where the next begins."""
    end = min(start + PIECE_CHARS, len(text))
    if start >= end:
        return said(f"It has {len(text):,} characters only.").content
    rest = f"; go on with start={end}" if end < len(text) else ", its end"
    note = f"(Characters {start:,} to {end:,} of {len(text):,}{rest}.)"
    return (*said(text[start:end]).content, *said(note).content)


def find_file(host: Host) -> Path | None:
    """Return the notebook's file, where the front end says it and it is there."""
    known = host.notebook
    path = Path(known) if known else None
    return path if path is not None and path.is_file() else None


def saved_cells(path: Path | None) -> list[SavedCell]:
    """Read a notebook's file; a file that is none has no cells."""
    if path is None:
        return []
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    cells: Any = raw.get("cells") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return [_saved(cell) for cell in cells or () if isinstance(cell, dict)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _saved(cell: dict[str, Any]) -> SavedCell:
    captured = Captured(kept_chars=READ_CHARS)
    for output in cell.get("outputs") or ():
        kind = output.get("output_type")
        if kind == "stream":
            captured.stream(str(output.get("name", "stdout")), joined(output.get("text")))
        elif kind == "error":
            captured.error("\n".join(output.get("traceback") or ()))
        else:
            data: dict[str, Any] = output.get("data") or {}
            captured.rich({name: joined(value) for name, value in data.items()})
    return SavedCell(
        id=str(cell.get("id", "")),
        kind=str(cell.get("cell_type", "")),
        source=joined(cell.get("source")),
        captured=captured,
        execution_count=cell.get("execution_count"),
    )


def joined(value: Any) -> Any:
    """Return a multi-line text, which files keep as a list, as one."""
    if isinstance(value, list) and all(isinstance(part, str) for part in cast("list[Any]", value)):
        return "".join(cast("list[str]", value))
    return "" if value is None else cast("Any", value)


def saved_text(number: int, cell: SavedCell) -> str:
    """Return a saved cell with its output, shortened."""
    count = f" [{cell.execution_count}]" if cell.execution_count else ""
    head = f"#{number} {cell.kind} id={cell.id}{count}"
    return _with_output(head, cell.source, cell.captured.text(OUTPUT_CHARS))


def run_text(cell: CellRun) -> str:
    """Return a cell that ran with its output, shortened."""
    head = f"[{cell.execution_count}]{' failed' if cell.failed else ''}"
    return _with_output(head, cell.source, bounded(cell.output, OUTPUT_CHARS))


def _with_output(head: str, source: str, output: str) -> str:
    lines = [head, bounded(source, SOURCE_CHARS)]
    return "\n".join([*lines, "output:", output] if output else lines)
