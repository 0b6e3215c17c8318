"""When a session may be sent again: at once, after a failure, or once a turn has more to say."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

#: While a turn runs and somebody watches, in seconds.
WATCHED = 0.25
#: While a turn runs and nobody does: at first, and how much longer each time. A turn of a
#: minute so takes four calls, its beginning and its end among them.
ALONE, ALONE_FACTOR = 5.0, 3.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
#: After the server said that it speaks another version.
STOPPED = 60.0


@dataclass
class _Rhythm:
    not_before: float = 0.0
    failures: int = 0
    busy: bool = False
    #: Calls during this turn.
    calls: int = 0


class Pace:
    """Keeps when each session may be sent; times are of the monotonic clock, in seconds.

    Parameters
    ----------
    watched
        Says whether somebody on another server looks at a session now.
    """

    def __init__(
        self, watched: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._watched, self._clock = watched, clock
        self._sessions: dict[str, _Rhythm] = {}
        self._stopped_until = 0.0

    def phase(self, session_id: str, *, busy: bool) -> None:
        """Note that a turn began or ended; its end goes up at once."""
        rhythm = self._sessions.setdefault(session_id, _Rhythm())
        if busy and not rhythm.busy:
            rhythm.calls = 0
        if rhythm.busy and not busy and not rhythm.failures:
            rhythm.not_before = 0.0
        rhythm.busy = busy

    def sent(self, session_id: str) -> None:
        """Note that all went well; while a turn runs, the next call waits for more."""
        rhythm = self._sessions.setdefault(session_id, _Rhythm())
        rhythm.failures, rhythm.not_before = 0, 0.0
        if not rhythm.busy:
            del self._sessions[session_id]
            return
        alone = ALONE * ALONE_FACTOR**rhythm.calls
        rhythm.not_before = self._clock() + (WATCHED if self._watched(session_id) else alone)
        rhythm.calls += 1

    def failed(self, session_id: str) -> float:
        """Note a failure; return in how many seconds it is tried again."""
        rhythm = self._sessions.setdefault(session_id, _Rhythm())
        wait = min(FIRST_WAIT * 2 ** min(rhythm.failures, 30), LONGEST_WAIT)
        seconds = wait * random.uniform(0.5, 1)  # noqa: S311 - only spreads the tries
        rhythm.failures += 1
        rhythm.not_before = self._clock() + seconds
        return seconds

    def stop(self) -> None:
        """Let nothing be sent for a while."""
        self._stopped_until = self._clock() + STOPPED

    def resume(self) -> None:
        """Let nothing wait any more: the network is back, or somebody acted."""
        self._stopped_until = 0.0
        for rhythm in self._sessions.values():
            rhythm.failures, rhythm.not_before = 0, 0.0

    def waiting(self) -> list[str]:
        """Return the sessions that may not be sent yet."""
        now = self._clock()
        return [sid for sid, rhythm in self._sessions.items() if rhythm.not_before > now]

    def holds_back(self) -> bool:
        """Say whether what a running turn wrote waits for more."""
        now = self._clock()
        return any(r.busy and r.not_before > now for r in self._sessions.values())

    @property
    def failing(self) -> bool:
        """Whether a session's last call failed."""
        return any(rhythm.failures for rhythm in self._sessions.values())

    def stopped(self) -> bool:
        """Say whether nothing may be sent now."""
        return self._stopped_until > self._clock()

    def next_in(self) -> float:
        """Return in how many seconds the next wait is over; infinite if nothing waits."""
        now = self._clock()
        ends = [r.not_before for r in self._sessions.values() if r.not_before > now]
        if self._stopped_until > now:
            ends.append(self._stopped_until)
        return min(ends) - now if ends else float("inf")
