"""Times as a person reads them: in this machine's own time zone."""

from __future__ import annotations

from datetime import datetime

from ipyclaude import times


def test_times_are_told_as_here() -> None:
    """A time in epoch ms is told as a clock and a calendar here show it."""
    at = datetime(2026, 11, 5, 4, 3, 9, 999_000).timestamp() * 1000
    assert times.clock(at) == "04:03:09"
    assert times.short_clock(at) == "04:03"
    assert times.day(at) == "2026-11-05"
    assert times.moment(at) == "2026-11-05 04:03"
