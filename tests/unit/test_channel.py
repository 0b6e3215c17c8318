"""What a view sends is numbered, coalesced, and such that a comm can carry it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ipyclaude.channel import Channel, wire
from ipyclaude.messages import (
    Message,
    TextBlock,
    ToolUseBlock,
    UnknownBlock,
)
from ipyclaude.protocol import (
    BlockOpened,
    Delta,
    LiveBlock,
)


@dataclass
class Timer:
    """A call that is due at a time."""

    due: float
    call: Callable[[], None]
    cancelled: bool = False

    def when(self) -> float:
        return self.due

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """What a channel has of a loop; its time passes by hand."""

    now: float = 100.0
    timers: list[Timer] = field(default_factory=list[Timer])

    def time(self) -> float:
        return self.now

    def call_at(self, due: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(due, call))
        return self.timers[-1]

    def wait(self, seconds: float = 0.0) -> None:
        """Let time pass, and what is due then happen."""
        self.now += seconds
        waiting, self.timers = self.timers, []
        for timer in waiting:
            if timer.due > self.now:
                self.timers.append(timer)
            elif not timer.cancelled:
                timer.call()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def channel(clock: Clock, sent: list[dict[str, Any]]) -> Channel:
    return Channel(sent.append, cast("Any", clock))


def test_deltas_of_one_block_are_joined_and_messages_numbered(
    channel: Channel, sent: list[dict[str, Any]]
) -> None:
    """Many pushes in one moment are one message; the next has the next number."""
    for part in ("a", "b", "c"):
        channel.push([Delta(k=1, s=part)])
    channel.push([Delta(k=2, s="x")])
    channel.flush()
    channel.push([Delta(k=1, s="d")])
    channel.flush()
    assert [m["n"] for m in sent] == [1, 2]
    assert sent[1] == {"type": "d", "n": 2, "k": 1, "s": "d"}
    assert sent[0]["events"] == [{"type": "d", "k": 1, "s": "abc"}, {"type": "d", "k": 2, "s": "x"}]


def test_the_first_push_goes_at_once_and_the_next_within_the_interval(
    channel: Channel, clock: Clock, sent: list[dict[str, Any]]
) -> None:
    """The first word isn't held back; a stream costs at most 15 messages a second."""
    channel.push([Delta(k=1, s="a")])
    clock.wait()
    assert len(sent) == 1
    channel.push([Delta(k=1, s="b")])
    clock.wait(0.06)
    assert len(sent) == 1
    clock.wait(0.01)
    assert len(sent) == 2


def test_an_empty_block_does_not_hold_back_its_first_words(
    channel: Channel, clock: Clock, sent: list[dict[str, Any]]
) -> None:
    """The first words of a block go at once, together with its opening."""
    live = LiveBlock(k=1, id="1", turn_id="t", block=TextBlock())
    channel.push([BlockOpened(live=live)])
    clock.wait()
    assert sent == []
    channel.push([Delta(k=1, s="a")])
    clock.wait()
    assert [e["type"] for e in sent[0]["events"]] == ["open", "d"]


def test_what_json_cannot_carry_still_reaches_the_page() -> None:
    """Lone surrogates become the replacement character, NaN null; the store keeps the real ones."""
    blocks = (TextBlock(text="a\ud800b 😀\x00"), UnknownBlock(raw={"x": [math.nan, "\udfff"]}))
    sent = wire(Message(session_id="s", type="assistant", content=blocks))
    assert sent["content"][0]["text"] == "a\ufffdb 😀\x00"
    assert sent["content"][1]["raw"] == {"x": [None, "\ufffd"]}


def test_a_tool_call_is_carried_whole() -> None:
    """Input of any depth reaches the page as it is."""
    block = ToolUseBlock(id="1", name="Edit", input={"a": {"b": [1, {"c": "d"}]}})
    sent = wire(Message(session_id="s", type="assistant", content=(block,)))
    assert sent["content"][0]["input"] == {"a": {"b": [1, {"c": "d"}]}}
