"""Who borrows the notebook, and how a tool answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..engine import ToolOutput
from ..hands import ChangeCells
from ..protocol import CellChange
from .masking import mask


@dataclass(frozen=True)
class Borrower:
    """The session whose Claude works in the notebook."""

    #: The request to whose cell output goes now (`Host.parent`).
    parent: Callable[[], object]
    #: The id of the cell that asks, where the front end says it.
    cell_id: Callable[[], str | None]
    #: Changes the notebook's cells, where a page can.
    change_cells: Callable[[], ChangeCells | None]
    #: Take note of what would take a change back.
    note_undo: Callable[[CellChange], None]
    #: Tell the reader something: what, and why.
    tell: Callable[[str, str], None]
    #: Stop the running turn.
    stop: Callable[[], Awaitable[None]]


def said(text: str, *, is_error: bool = False) -> ToolOutput:
    """Return a text as a tool's output."""
    return ToolOutput(({"type": "text", "text": text},), is_error)


async def masked(output: ToolOutput, namespace: Mapping[str, object]) -> ToolOutput:
    """Return an output without what is secret in its texts."""

    def mask_part(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "text": mask(part["text"], namespace)} if part["type"] == "text" else part

    # In a thread: the first time it imports the detectors, and a long text takes a while.
    content = await asyncio.to_thread(lambda: tuple(map(mask_part, output.content)))
    return replace(output, content=content)
