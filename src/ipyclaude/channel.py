"""The kernel's end of a view's comm: numbered, coalesced messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from . import protocol as p
from .fold import text_of

FLUSH_SECONDS = 1 / 15  # text that grows faster than this reads no better


def wire(message: BaseModel) -> dict[str, Any]:
    """Return a message as the comm can carry it: no lone surrogates, no NaN."""
    text = json.dumps(message.model_dump(mode="python"), ensure_ascii=False, default=str)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(text, parse_constant=lambda _: None)


class Channel:
    """Numbers and coalesces what one view is sent. Used on the loop thread."""

    def __init__(
        self, send: Callable[[dict[str, Any]], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._send, self._loop = send, loop
        self._n = 0
        self._pending: list[p.Event] = []
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    def push(self, events: Sequence[p.Event]) -> None:
        """Send soon: at once if nothing was sent lately, else with what else comes."""
        for event in events:
            last = self._pending[-1] if self._pending else None
            if isinstance(event, p.Delta) and isinstance(last, p.Delta) and last.k == event.k:
                self._pending[-1] = p.Delta(k=event.k, s=last.s + event.s)
            else:
                self._pending.append(event)
        # An empty block shows nothing: it waits for its first words, and they for nobody.
        since = self._loop.time() if all(map(_shows_nothing, self._pending)) else self._last
        due = since + FLUSH_SECONDS
        if self._timer is None or due < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(max(due, self._loop.time()), self.flush)

    def flush(self) -> None:
        """Send what is pending."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            events, self._pending = tuple(self._pending), []
            self._last = self._loop.time()
            self._n += 1
            only = events[0]
            if len(events) == 1 and isinstance(only, p.Delta):
                self._send(wire(p.Grew(n=self._n, k=only.k, s=only.s)))
            else:
                self._send(wire(p.Events(n=self._n, events=events)))

    def snapshot(self, make: Callable[[int], p.Snapshot]) -> None:
        """Send a snapshot, which stands for all that was pending."""
        self._pending.clear()
        self._n += 1
        self._send(wire(make(self._n)))

    def reply(self, reply: p.Reply) -> None:
        """Send a reply at once."""
        self._send(wire(reply))

    def cells(self, change: p.CellChange) -> None:
        """Send what is to be done to the notebook's cells."""
        self._send(wire(change))

    def close(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._pending.clear()


def _shows_nothing(event: p.Event) -> bool:
    return isinstance(event, p.BlockOpened) and not text_of(event.live.block)
