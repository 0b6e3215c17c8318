"""`kill -9` at any moment of a turn: what was finished stays, once, and Claude goes on (S1, S2)."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kernels import PATIENCE, Kernel, Page, Place, said

from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import ScriptedModel
from ipyclaude.testing.replies import Block, Hold, Reply, Step, text, thinking, tool

StartKernel = Callable[..., Kernel]

#: Any number will do; a failure is run again with the one that it printed.
SEED = 20_261_124
KILLS = 10
#: What the model sends in one turn, and the messages that a page is sent of it, about.
STEPS, HEARD = 80, 34
WORDS = "and goes on with many more words, " * 4
#: A checkpoint each 250 ms, one message in 50 ms, and a machine that has other work too.
KEPT_AFTER = 1.0


class Tick(threading.Event):
    """An event that counts who waits for it, and lets them go on."""

    def __init__(self, on_tick: Callable[[], None]) -> None:
        super().__init__()
        self._on_tick = on_tick

    def wait(self, timeout: float | None = None) -> bool:
        self._on_tick()
        return True


class Counted(Reply):
    """A reply that ticks before each step."""

    tick: Tick

    def steps(self, model: str) -> Iterator[Step]:
        for step in super().steps(model):
            yield Hold(self.tick)
            yield step


@dataclass
class Moment:
    """When to kill: before the model's n-th step, or at the page's n-th message; and ms later."""

    side: str
    n: int
    delay_ms: int

    @classmethod
    def draw(cls, dice: random.Random) -> Moment:
        side = dice.choice(["model", "page"])
        return cls(side, dice.randint(1, STEPS if side == "model" else HEARD), dice.randint(0, 60))


class Turns:
    """The model's side: four requests a turn, with text, thinking, to-dos and a tool to allow."""

    def __init__(self) -> None:
        self.on_step: Callable[[int], None] = lambda _: None
        self._steps = 0

    def begin(self, on_step: Callable[[int], None]) -> None:
        self._steps, self.on_step = 0, on_step

    def _tick(self) -> None:
        self._steps += 1
        self.on_step(self._steps)

    def __call__(self, request: dict[str, Any]) -> Reply:
        tag, stage = _where(request)
        todo = {"content": f"{tag} work", "activeForm": "Working"}
        stages: list[tuple[Block, ...]] = [
            (
                thinking(f"{tag} thinks {WORDS}", chunks=6, delay=0.02),
                text(f"{tag} part one {WORDS}", chunks=8, delay=0.03),
                tool("TodoWrite", {"todos": [{**todo, "status": "in_progress"}]}),
            ),
            (
                text(f"{tag} part two {WORDS}", chunks=8, delay=0.03),
                tool("Write", {"file_path": f"{tag}.txt", "content": "x"}),
            ),
            (
                text(f"{tag} part three {WORDS}", chunks=8, delay=0.03),
                tool("TodoWrite", {"todos": [{**todo, "status": "completed"}]}),
            ),
            (text(f"{tag} part four {WORDS}", chunks=8, delay=0.03),),
        ]
        reply = Counted(*stages[min(stage, 3)])
        reply.tick = Tick(self._tick)
        return reply


def _where(request: dict[str, Any]) -> tuple[str, int]:
    """Return the last prompt's tag, and how many answers came since."""
    since = 0
    for message in reversed(request["messages"]):
        if message["role"] == "assistant":
            since += 1
            continue
        asked = re.findall(r"Please do (turn-\d+)", said({"messages": [message]}))
        if asked:
            return asked[-1], since
    raise AssertionError("no prompt of ours")


class Killer:
    """Kills a kernel at a moment."""

    def __init__(self, kernel: Kernel, moment: Moment) -> None:
        self._kernel, self._moment = kernel, moment
        self.done = threading.Event()
        self.at = 0.0
        self._once = threading.Lock()

    def model_step(self, n: int) -> None:
        if self._moment.side == "model" and n >= self._moment.n:
            self.soon()

    def page_heard(self, n: int) -> None:
        if self._moment.side == "page" and n >= self._moment.n:
            self.soon()

    def soon(self) -> None:
        if self._once.acquire(blocking=False):
            threading.Timer(self._moment.delay_ms / 1000, self._kill).start()

    def _kill(self) -> None:
        self.at = time.monotonic()
        self._kernel.kill()
        self.done.set()

    def heard(self, page: Page, turn_id: str) -> None:
        """Read what the page hears until the kernel is dead; answer what Claude asks."""
        before, answered = page.heard, set[str]()
        deadline = time.monotonic() + PATIENCE
        while not self.done.is_set():
            assert time.monotonic() < deadline, f"the turn hangs: {page.turn}, {page.texts}"
            page.kernel.next()
            self.page_heard(page.heard - before)
            for approval in page.waiting:
                if approval.client_id not in answered and not self.done.is_set():
                    answered.add(approval.client_id)
                    page.send("decide", approval_id=approval.client_id, allow=True)
            turn = page.turn
            if turn is not None and turn.turn_id == turn_id and turn.result is not None:
                self.soon()
        page.kernel.drain()


@dataclass
class Seen:
    """What a page had been told when its kernel died."""

    finished: dict[str, str]
    growing: dict[str, str]
    old: dict[str, int]
    pending: set[str]

    @classmethod
    def of(cls, page: Page, killed_at: float) -> Seen:
        grown = [(key, length) for at, key, length in page.grown if at < killed_at - KEPT_AFTER]
        old = dict(grown)
        return cls(
            finished=dict(page.texts),
            growing={live.id: _text(live.block) for live in page.live.values()},
            old=old,
            pending={a.client_id for a in page.waiting},
        )

    def shows(self, prompt: str) -> bool:
        """Say whether this prompt was shown as finished."""
        return any(prompt in words for words in self.finished.values())

    def check(self, page: Page) -> None:
        """Hold a page that a new kernel drew against it."""
        assert set(self.finished) <= set(page.texts), "shown as finished, then gone"
        for block_id, words in self.finished.items():
            assert page.texts[block_id] == words
        for block_id, words in self.growing.items():
            kept = page.texts.get(block_id, "")
            assert words.startswith(kept) or kept.startswith(words), (words, kept)
            assert len(kept) >= min(self.old.get(block_id, 0), len(words))
        parts = [words for words in page.texts.values() if "part" in words or "thinks" in words]
        names = [" ".join(words.split()[:3]) for words in parts]
        assert len(names) == len(set(names)), "something is there twice"
        assert page.live == {}


def _text(block: Any) -> str:
    return str(getattr(block, "text", "") or getattr(block, "thinking", ""))


@pytest.mark.parametrize("chain", [1, 2])
def test_nothing_finished_is_lost_or_doubled(chain: int, place: Place, start: StartKernel) -> None:
    """Ten kills in one session, each at a random moment of a turn; each next turn remembers."""
    dice = random.Random(SEED + chain)
    turns = Turns()
    told: list[str] = []
    with ScriptedModel(turns) as model:
        kernel = start(place, model)
        kernel.run("%claude_session new long")
        page = kernel.chat()
        for number in range(10, 10 + KILLS):
            moment = Moment.draw(dice)
            print(f"seed {SEED + chain}: turn-{number} killed at {moment}")  # noqa: T201 - to repeat it by
            killer = Killer(kernel, moment)
            turns.begin(killer.model_step)
            turn_id = page.prompt(f"Please do turn-{number}.")
            killer.heard(page, turn_id)
            seen = Seen.of(page, killer.at)
            told = _remembered(model, number, told, shown=seen.shows(f"turn-{number}."))
            kernel = start(place, model)
            kernel.run("%claude_session open last")
            page = kernel.chat()
            page.scroll_up()
            seen.check(page)
            assert seen.pending <= {a.client_id for a in page.waiting} | _decided(place)
        turns.begin(lambda _: None)
        turn_id = page.prompt("Please do turn-99.")
        _answer_all(page, turn_id)
        _remembered(model, 99, told, shown=True)


def _answer_all(page: Page, turn_id: str) -> None:
    """Allow what Claude asks until the turn is over."""
    while page.turn is None or page.turn.turn_id != turn_id or page.turn.result is None:
        page.kernel.next()
        for approval in page.waiting:
            if approval.turn_id == turn_id:
                page.ask("decide", approval_id=approval.client_id, allow=True)


def _decided(place: Place) -> set[str]:
    store = SqliteStore(place.store_file)
    try:
        (info,) = store.sessions()
        approvals = store.approvals(info.client_id, pending=False)
        return {a.client_id for a in approvals if a.status != "pending"}
    finally:
        store.close()


def _remembered(model: ScriptedModel, number: int, told: list[str], *, shown: bool) -> list[str]:
    """Check that this turn's requests hold all earlier prompts; return what to hold next."""
    mine = [r for r in model.requests if f"turn-{number}." in said(r)]
    for request in mine:
        words = said(request)
        missing = [t for t in told if t not in words]
        assert missing == [], f"Claude forgot {missing}"
    return [*told, f"Please do turn-{number}."] if shown else told
