"""Has a page change the notebook's cells: exactly one page, though several may show the view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from . import protocol as p
from . import requests as r

#: Seconds in which a page says that it will, and in which it has done it.
CLAIM_SECONDS, DONE_SECONDS = 3.0, 30.0

#: Changes a cell; None where no page can.
ChangeCells = Callable[[p.CellChange], Awaitable["r.Changed | None"]]


@dataclass
class _Wanted:
    claimed: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Future[r.Changed] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Hands:
    """The pages of one view (loop thread)."""

    def __init__(self, send: Callable[[p.CellChange], None]) -> None:
        self._send = send
        self._wanted: dict[str, _Wanted] = {}

    async def change(self, change: p.CellChange) -> r.Changed | None:
        """Have a page do it; None if none can, be it that the host keeps its cells to itself."""
        wanted = self._wanted[change.id] = _Wanted()
        try:
            self._send(change)
            await asyncio.wait_for(wanted.claimed.wait(), CLAIM_SECONDS)
            return await asyncio.wait_for(wanted.done, DONE_SECONDS)
        except asyncio.TimeoutError:
            return None
        finally:
            del self._wanted[change.id]

    def claim(self, change_id: str) -> bool:
        """Let the page that asks first do it."""
        wanted = self._wanted.get(change_id)
        if wanted is None or wanted.claimed.is_set():
            return False
        wanted.claimed.set()
        return True

    def changed(self, request: r.Changed) -> None:
        """Take note of what was done."""
        wanted = self._wanted.get(request.change_id)
        if wanted is not None and not wanted.done.done():
            wanted.done.set_result(request)
