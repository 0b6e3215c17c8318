"""`EngineContract`: what every engine must do, and `run_turn`, which collects a turn.

A new engine's test is a subclass with one method::

    class TestMyEngine(EngineContract):
        def make_engine(self, tmp_path: Path) -> AbstractAsyncContextManager[Engine]:
            ...

The engine answers the prompt `hello` with the text `Hello there`, fails on the
prompt `fail`, and hangs on `hang` until it is interrupted.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..engine import (
    BlockDelta,
    BlockStarted,
    Engine,
    EngineEvent,
    MessageDone,
    TurnEnded,
)
from ..exceptions import EngineError
from ..messages import ContentBlock, ResultBlock, TextBlock

E = TypeVar("E")


@dataclass
class Run:
    """What one turn yielded, and the error that it ended with."""

    events: list[EngineEvent] = field(default_factory=list[EngineEvent])
    error: EngineError | None = None

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def blocks(self) -> list[ContentBlock]:
        """The whole blocks, in order."""
        return [block for done in self.of(MessageDone) for block in done.content]

    @property
    def text(self) -> str:
        """All text blocks, joined."""
        return "".join(block.text for block in self.blocks if isinstance(block, TextBlock))

    @property
    def result(self) -> ResultBlock:
        """How the turn ended; fails where it raised."""
        return self.of(TurnEnded)[-1].result


async def run_turn(engine: Engine, *content: ContentBlock | str, limit: float = 30) -> Run:
    """Run a turn to its end, for at most `limit` seconds, and return what came."""
    run = Run()
    blocks = tuple(TextBlock(text=c) if isinstance(c, str) else c for c in content)

    async def collect() -> None:
        try:
            async for event in engine.ask(blocks):
                run.events.append(event)
        except EngineError as error:
            run.error = error

    await asyncio.wait_for(collect(), limit)
    return run


class EngineContract:
    """What every engine must do."""

    def make_engine(self, tmp_path: Path, *prompts: str) -> AbstractAsyncContextManager[Engine]:
        """Lend an engine that will be asked these prompts, in order."""
        raise NotImplementedError

    async def test_deltas_and_the_whole_block_match(self, tmp_path: Path) -> None:
        """A block's deltas joined are its whole text, under the same key and index."""
        async with self.make_engine(tmp_path, "hello") as engine:
            run = await run_turn(engine, "hello")
        done = run.of(MessageDone)[-1]
        grown = [
            d.text for d in run.of(BlockDelta) if (d.key, d.index) == (done.key, done.first_index)
        ]
        assert "".join(grown) == run.text == "Hello there"

    async def test_the_last_event_is_the_end(self, tmp_path: Path) -> None:
        """`TurnEnded` comes once and last, with outcome `done`."""
        async with self.make_engine(tmp_path, "hello") as engine:
            run = await run_turn(engine, "hello")
        assert [type(e) is TurnEnded for e in run.events].index(True) == len(run.events) - 1
        assert run.result.outcome == "done"

    async def test_usable_after_a_failure(self, tmp_path: Path) -> None:
        """A turn that fails raises an `EngineError` with what to do, and the next one works."""
        async with self.make_engine(tmp_path, "fail", "hello") as engine:
            failed = await run_turn(engine, "fail")
            after = await run_turn(engine, "hello")
        assert failed.error is not None
        assert failed.error.fix
        assert after.text == "Hello there"

    async def test_interrupt_stops_the_turn(self, tmp_path: Path) -> None:
        """An interrupted turn ends with outcome `stopped`, and the next one works."""
        async with self.make_engine(tmp_path, "hang", "hello") as engine:
            outcome = ""
            async for event in engine.ask((TextBlock(text="hang"),)):
                if isinstance(event, BlockStarted):
                    await engine.interrupt()
                elif isinstance(event, TurnEnded):
                    outcome = event.result.outcome
            after = await run_turn(engine, "hello")
        assert outcome == "stopped"
        assert after.text == "Hello there"

    async def test_close_twice(self, tmp_path: Path) -> None:
        """Closing is final and harmless to repeat."""
        async with self.make_engine(tmp_path, "hello") as engine:
            await run_turn(engine, "hello")
            await engine.close()
            await engine.close()
