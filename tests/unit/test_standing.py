"""How replication is said to stand: what is on its way is told from what waits for long."""

from __future__ import annotations

from ipyclaude.replica.pace import Pace
from ipyclaude.replica.standing import PATIENCE, Patience


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_what_goes_through_in_time_never_waits() -> None:
    """A backlog is said to wait once it has for a while, and only until it is gone."""
    clock = Clock()
    patience = Patience(clock)
    assert not patience.is_over(waits=True)
    clock.now += PATIENCE - 0.1
    assert not patience.is_over(waits=True)
    clock.now += 0.1
    assert patience.is_over(waits=True)
    assert not patience.is_over(waits=False)
    assert not patience.is_over(waits=True)


def test_only_a_turn_is_held_back() -> None:
    """What a running turn wrote waits by intent; what failed doesn't."""
    clock = Clock()
    pace = Pace(lambda _: False, clock)
    pace.phase("s", busy=True)
    assert not pace.holds_back()
    pace.sent("s")
    assert pace.holds_back()
    assert not pace.failing
    pace.failed("other")
    assert pace.failing
    pace.sent("other")
    pace.phase("s", busy=False)
    assert not pace.holds_back()
    assert not pace.failing
