"""What goes along with a prompt by itself, while it is gathered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .messages import ContentBlock

#: Gives what goes along with a session's prompt by itself.
ContextSource = Callable[[str], Coroutine[Any, Any, tuple[ContentBlock, ...]]]


class Gathering:
    """Gathers it for one prompt after the other of a session, unless it is told to stop."""

    def __init__(self, source: ContextSource | None) -> None:
        self._source = source
        self._running: asyncio.Future[tuple[ContentBlock, ...]] | None = None

    async def gather(self, session_id: str) -> tuple[ContentBlock, ...]:
        """Return what goes along; it is no part of what is stored as asked."""
        if self._source is None:
            return ()
        running = self._running = asyncio.ensure_future(self._source(session_id))
        try:
            await asyncio.wait({running})
        finally:
            running.cancel()
            self._running = None
        return () if running.cancelled() else running.result()

    def stop(self) -> None:
        """Gather no more: `gather` returns nothing."""
        if self._running is not None:
            self._running.cancel()
