"""Who borrows the notebook, and how a tool answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..engine import ToolOutput


@dataclass(frozen=True)
class Borrower:
    """The session whose Claude works in the notebook."""

    #: The request to whose cell output goes now (`Host.parent`).
    parent: Callable[[], object]
    #: Tell the reader something: what, and why.
    tell: Callable[[str, str], None]
    #: Stop the running turn.
    stop: Callable[[], Awaitable[None]]


def said(text: str, *, is_error: bool = False) -> ToolOutput:
    """Return a text as a tool's output."""
    return ToolOutput(({"type": "text", "text": text},), is_error)
