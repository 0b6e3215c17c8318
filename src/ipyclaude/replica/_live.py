"""A live query as its reader sees it: only the latest result waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..exceptions import CloudError

_NOTHING = object()


class LiveQuery:
    """The `Subscription` of one query.

    Parameters
    ----------
    stop
        Tells the server that nobody watches any more.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._latest: Any = _NOTHING
        self._something = asyncio.Event()
        self._ended = False

    def deliver(self, result: Any) -> None:
        """Offer a result, or the `CloudError` that came in its place."""
        self._latest = result
        self._something.set()

    def end(self) -> None:
        """Let the reader come to the end."""
        self._ended = True
        self._something.set()

    def __aiter__(self) -> LiveQuery:
        return self

    async def __anext__(self) -> Any:
        await self._something.wait()
        if self._ended:
            raise StopAsyncIteration
        result, self._latest = self._latest, _NOTHING
        self._something.clear()
        if isinstance(result, CloudError):
            raise result
        return result

    async def aclose(self) -> None:
        """Stop watching; whoever iterates comes to the end."""
        if not self._ended:
            self.end()
            self._stop()
