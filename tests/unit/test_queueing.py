"""Prompts that wait for the running turn: in order, taken back, held after a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from ipyclaude.engine import EngineOptions
from ipyclaude.exceptions import EngineError, SessionNotFound
from ipyclaude.exchange import Question
from ipyclaude.journal import Told
from ipyclaude.leases import StoreLease
from ipyclaude.messages import SessionInfo, TextBlock
from ipyclaude.permissions import Permissions
from ipyclaude.protocol import Delta, QueueChanged
from ipyclaude.queueing import PromptQueue
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, say
from ipyclaude.testing.stores import MemoryStore

SID = "s" * 36


def ask(words: str) -> Question:
    return Question(content=(TextBlock(text=words),))


class Bench:
    """A session whose first turn runs until `gate` is set."""

    def __init__(self, turns: int = 4) -> None:
        self.gate, self.heard = asyncio.Event(), list[tuple[str, ...]]()
        answers = [say(f"answer {n}", key=f"k{n}") for n in range(1, turns)]
        self.engine = ScriptedEngine([*say("first")[:2], self.gate], *answers)
        store = MemoryStore()
        store.put(SessionInfo(client_id=SID, name="demo", cwd="."))
        info = store.session(SID)
        assert info is not None
        self.session = Session(
            info,
            store=store,
            permissions=Permissions(store),
            make_engine=lambda _: self.engine,
            options=EngineOptions(cwd=".", session_id="c"),
            lease=StoreLease(store, SID, "1@here/x"),
        )
        self.tasks: list[asyncio.Task[None]] = []
        self.queue = PromptQueue(self.session, self._submit)
        self.session.subscribe(self._hear)

    def _submit(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def _hear(self, events: Sequence[Told]) -> None:
        for each in events:
            if isinstance(each, QueueChanged):
                self.heard.append(tuple(q.text for q in each.queued))

    async def start(self) -> asyncio.Task[Any]:
        grown = asyncio.Event()
        unsubscribe = self.session.subscribe(
            lambda events: grown.set() if any(isinstance(e, Delta) for e in events) else None
        )
        running = asyncio.ensure_future(self.session.ask(ask("first")))
        await grown.wait()
        unsubscribe()
        return running

    def asked(self) -> list[str]:
        return [
            b.text for content in self.engine.asked for b in content if isinstance(b, TextBlock)
        ]


def test_waiting_prompts_go_one_by_one_in_order() -> None:
    """Each begins when the turn before it is done, and the views see the queue shrink."""

    async def work() -> None:
        bench = Bench()
        await bench.start()
        bench.queue.add(ask("second"), "second")
        bench.queue.add(ask("third"), "third")
        assert [q.text for q in bench.queue.queued] == ["second", "third"]
        assert bench.asked() == ["first"]
        bench.gate.set()
        await asyncio.gather(*bench.tasks)
        assert bench.asked() == ["first", "second", "third"]
        assert bench.heard == [("second",), ("second", "third"), ("third",), (), ()]

    asyncio.run(work())


def test_a_prompt_that_was_taken_back_is_not_sent() -> None:
    """What is removed while it waits never reaches Claude."""

    async def work() -> None:
        bench = Bench()
        await bench.start()
        bench.queue.add(ask("second"), "second")
        bench.queue.remove(bench.queue.queued[0].id)
        bench.gate.set()
        await asyncio.gather(*bench.tasks)
        assert bench.asked() == ["first"]

    asyncio.run(work())


def test_after_a_stop_prompts_are_held_until_one_is_sent_by_hand() -> None:
    """Stop stops what was to follow too; sending one by hand lets it and the others go."""

    async def work() -> None:
        bench = Bench()
        await bench.start()
        bench.queue.add(ask("second"), "second")
        bench.queue.add(ask("third"), "third")
        await bench.session.stop()
        await asyncio.gather(*bench.tasks)
        assert [(q.text, q.held) for q in bench.queue.queued] == [("second", True), ("third", True)]
        await bench.queue.send_now(bench.queue.queued[1].id)
        await asyncio.gather(*bench.tasks)
        assert bench.asked() == ["first", "third", "second"]

    asyncio.run(work())


def test_sending_now_stops_the_turn_and_goes_first() -> None:
    """The running turn is stopped, the chosen prompt is next; a second click finds it gone."""

    async def work() -> None:
        bench = Bench()
        running = await bench.start()
        bench.queue.add(ask("second"), "second")
        bench.queue.add(ask("third"), "third")
        chosen = bench.queue.queued[1].id
        await bench.queue.send_now(chosen)
        with pytest.raises(SessionNotFound):
            await bench.queue.send_now(chosen)
        await asyncio.gather(*bench.tasks)
        assert (await running).turn.status == "stopped"
        assert bench.asked() == ["first", "third", "second"]

    asyncio.run(work())


def test_what_is_told_now_is_heard_in_the_running_turn() -> None:
    """It stands in the turn where Claude took it up, and is not asked again afterwards."""

    async def work() -> None:
        bench = Bench()
        bench.engine = ScriptedEngine([*say("first")[:2], bench.gate, *say("first")[2:]])
        running = await bench.start()
        told = bench.queue.add(ask("look left"), "look left")
        await bench.queue.tell_now(told)
        await bench.queue.tell_now(told)  # a second click
        assert [(q.text, q.telling) for q in bench.queue.queued] == [("look left", True)]
        bench.gate.set()
        answer = await running
        await asyncio.gather(*bench.tasks)
        assert [m.type for m in answer.messages] == ["user", "user", "assistant", "result"]
        assert [m.text for m in answer.messages][1] == "look left"
        assert bench.asked() == ["first"]
        assert len(bench.engine.steered) == 1
        assert bench.queue.queued == ()

    asyncio.run(work())


def test_what_claude_did_not_hear_before_a_stop_is_held() -> None:
    """A stopped turn takes nothing with it that Claude had yet to hear."""

    async def work() -> None:
        bench = Bench()
        running = await bench.start()
        await bench.queue.tell_now(bench.queue.add(ask("look left"), "look left"))
        await bench.session.stop()
        await asyncio.gather(*bench.tasks)
        assert "look left" not in [m.text for m in (await running).messages]
        (left,) = bench.queue.queued
        assert (left.text, left.held, left.telling) == ("look left", True, False)
        with pytest.raises(EngineError):
            await bench.queue.tell_now(left.id)

    asyncio.run(work())
