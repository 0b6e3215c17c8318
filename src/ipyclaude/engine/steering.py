"""Words for Claude while it works: it hears them at its next step.

The CLI (2.1.330) takes a user message in mid-turn. Claude is told of it with the next tool's
result; where no tool follows, the CLI answers it by itself when the answer is over, with a second
`result` line. `command_lifecycle` lines say which message was taken up when.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import Heard

Raw = dict[str, Any]

#: What each run counts for itself; costs and the models' use are of the whole process.
_SUMS = ("duration_ms", "num_turns")


class Steering:
    """What was put into one turn, and the results of its runs."""

    def __init__(self) -> None:
        self._unheard: set[str] = set()
        self._results: list[Raw] = []

    @property
    def waits(self) -> bool:
        """Claude has yet to hear something: the CLI goes on by itself."""
        return bool(self._unheard)

    def begin(self) -> None:
        """Begin a turn."""
        self._unheard.clear()
        self._results.clear()

    def sent(self, uuid: str) -> None:
        """Take note of a message that is being sent."""
        self._unheard.add(uuid)

    def failed(self, uuid: str) -> None:
        """Take note that it could not be sent."""
        self._unheard.discard(uuid)

    def heard(self, raw: Raw) -> Iterator[Heard]:
        """Return what a line says of the messages."""
        uuid = raw.get("command_uuid")
        if raw.get("type") != "command_lifecycle" or uuid not in self._unheard:
            return
        if raw.get("state") in ("started", "completed"):
            self._unheard.remove(uuid)
            yield Heard(uuid)

    def result(self, raw: Raw) -> Raw:
        """Take in a run's result; return that of all runs so far."""
        self._results.append(raw)
        if len(self._results) == 1:
            return raw
        sums = {name: sum(each.get(name) or 0 for each in self._results) for name in _SUMS}
        usages: list[Raw] = [each.get("usage") or {} for each in self._results]
        names = {name for usage in usages for name, value in usage.items() if _counts(value)}
        usage = {name: sum(each.get(name) or 0 for each in usages) for name in names}
        return {**raw, **sums, "usage": {**usages[-1], **usage}}


def _counts(value: object) -> bool:
    return isinstance(value, int | float)
