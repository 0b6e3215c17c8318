"""When a session is sent: at once, rarely while a turn runs, and never faster after failures."""

from __future__ import annotations

from ipyclaude.replica.pace import LONGEST_WAIT, STOPPED, Pace


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def calls_in(pace: Pace, clock: Clock, seconds: float) -> int:
    """Send whenever it is allowed; return how often that was."""
    end, calls = clock.now + seconds, 0
    while clock.now < end:
        if not pace.waiting():
            pace.sent("s")
            calls += 1
        clock.now += min(pace.next_in(), end - clock.now) if pace.waiting() else 0.01
    return calls


def test_idle_sessions_are_sent_at_once() -> None:
    """Between turns nothing waits, however often something is written."""
    pace = Pace(lambda _: False)
    for _ in range(3):
        pace.sent("s")
        assert pace.waiting() == []
        assert pace.next_in() == float("inf")


def test_a_turn_is_few_calls() -> None:
    """A turn of a minute that nobody watches is four calls; its end goes at once."""
    clock = Clock()
    pace = Pace(lambda _: False, clock)
    pace.phase("s", busy=True)
    assert calls_in(pace, clock, 60) == 3
    assert pace.waiting() == ["s"]
    pace.phase("s", busy=False)
    assert pace.waiting() == []


def test_watchers_see_it_soon() -> None:
    """While somebody watches, a turn is sent four times a second."""
    clock = Clock()
    pace = Pace(lambda _: True, clock)
    pace.phase("s", busy=True)
    assert 36 <= calls_in(pace, clock, 10) <= 41


def test_failures_wait_longer_and_longer() -> None:
    """Each failure waits longer, up to a minute; success or somebody's act starts over."""
    clock = Clock()
    pace = Pace(lambda _: False, clock)
    waits = [pace.failed("s") for _ in range(12)]
    assert waits[0] <= 0.5
    assert LONGEST_WAIT / 2 <= waits[-1] <= LONGEST_WAIT
    assert pace.waiting() == ["s"]
    pace.phase("s", busy=True)
    pace.phase("s", busy=False)
    assert pace.waiting() == ["s"]
    pace.resume()
    assert pace.waiting() == []
    assert pace.failed("s") <= 0.5


def test_stopped_for_all() -> None:
    """Where the server speaks another version nothing is sent for a minute."""
    clock = Clock()
    pace = Pace(lambda _: False, clock)
    pace.stop()
    assert pace.stopped()
    assert pace.next_in() == STOPPED
    clock.now += STOPPED
    assert not pace.stopped()
