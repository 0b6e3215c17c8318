"""`ScriptedEngine`: an `Engine` that plays a script, for tests of what stands on an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from ..engine import (
    Ask,
    BlockDelta,
    BlockStarted,
    EngineEvent,
    EngineOptions,
    Heard,
    MessageDone,
    ToolRequest,
    TurnEnded,
)
from ..messages import ContentBlock, ResultBlock, TextBlock

#: An event to yield, an error to raise, an event to wait for, or a tool call to have decided.
Step = EngineEvent | Exception | asyncio.Event | ToolRequest


def say(text: str, *, key: str = "m1", chunks: int = 3) -> list[Step]:
    """Return the events of a streamed text block, and its end."""
    size = max(1, -(-len(text) // chunks))
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        BlockStarted(key, 0, TextBlock()),
        *(BlockDelta(key, 0, part) for part in parts),
        MessageDone(key, "assistant", (TextBlock(text=text),)),
    ]


class ScriptedEngine:
    """Plays one script a turn; a script that lacks its `TurnEnded` gets one."""

    def __init__(self, *turns: Sequence[Step], ask: Ask | None = None) -> None:
        self._turns = list(turns)
        self._ask = ask
        self._stop = asyncio.Event()
        self.asked: list[tuple[ContentBlock, ...]] = []
        self.options: list[EngineOptions] = []
        self.closed = False
        self.steered: list[tuple[ContentBlock, ...]] = []
        self._steers: list[str] = []

    async def configure(self, options: EngineOptions) -> None:
        """Remember the options."""
        self.options.append(options)

    async def ask(
        self, content: tuple[ContentBlock, ...], *, uuid: str | None = None
    ) -> AsyncIterator[EngineEvent]:
        """Play the next script."""
        del uuid
        self.asked.append(content)
        self._stop.clear()
        for step in self._turns.pop(0):
            while self._steers:
                yield Heard(self._steers.pop(0))
            if isinstance(step, asyncio.Event):
                await self._until(step)
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, ToolRequest):
                if self._ask is not None:
                    await self._ask(step)
            else:
                yield step
                if isinstance(step, TurnEnded):
                    return
            if self._stop.is_set():
                yield TurnEnded(ResultBlock(outcome="stopped"))
                return
        yield TurnEnded(ResultBlock())

    async def _until(self, event: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def steer(self, content: tuple[ContentBlock, ...], *, uuid: str) -> None:
        """Remember the words, and let them be heard at the script's next step."""
        self.steered.append(content)
        self._steers.append(uuid)

    async def interrupt(self) -> None:
        """Stop the running script."""
        self._stop.set()

    async def close(self) -> None:
        """Be closed."""
        self.closed = True
        self._stop.set()
