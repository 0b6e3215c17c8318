"""Times as a person on this machine reads them: local, from epoch ms."""

from __future__ import annotations

import time


def clock(at: float) -> str:
    """Write a time of the day, with its seconds: `14:03:09`."""
    return _write("%H:%M:%S", at)


def short_clock(at: float) -> str:
    """Write a time of the day: `14:03`."""
    return _write("%H:%M", at)


def day(at: float) -> str:
    """Write a day: `2026-11-25`."""
    return _write("%Y-%m-%d", at)


def moment(at: float) -> str:
    """Write a day and its time: `2026-11-25 14:03`."""
    return f"{day(at)} {short_clock(at)}"


def _write(form: str, at: float) -> str:
    return time.strftime(form, time.localtime(at / 1000))
