"""Sending what is only here: from the first change to the last, with a bar, until it is there."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress

from .output import Output
from .replica._within import within
from .replica.replica import Replica
from .replica.standing import Standing

#: Told (changes that arrived, changes in all).
Bar = Callable[[int, int], None]

_LOOK_SECONDS = 0.25
_INTERVAL = 0.1  # seconds between two pictures of the bar
#: How long nothing may move where something is wrong, before it is left to the background.
PATIENCE = 10.0


async def send(
    replica: Replica, sessions: Collection[str] | None, bar: Bar
) -> tuple[Standing, int]:
    """Wait until sessions (None for all) are sent, or until waiting is of no use now.

    Returns how it stands then, and how many changes have yet to go; they go by themselves.
    """
    moved = asyncio.Event()
    unsubscribe = replica.on_change(moved.set)
    total, before, since = 0, -1, time.monotonic()
    try:
        while True:
            left = waiting(replica, sessions)
            standing = replica.standing()
            total = max(total, left)
            bar(total - left, total)
            if left != before:
                before, since = left, time.monotonic()
            if left == 0 or _useless(standing, time.monotonic() - since):
                return standing, left
            moved.clear()
            # Another kernel may be the one that sends: look now and then.
            with suppress(asyncio.TimeoutError):
                await within(_LOOK_SECONDS, moved.wait())
    finally:
        unsubscribe()


def waiting(replica: Replica, sessions: Collection[str] | None) -> int:
    """Count what has yet to be sent of sessions, None for all."""
    if sessions is None:
        return replica.standing().waiting.rows
    return sum(replica.waiting(each).rows for each in sessions)


def _useless(standing: Standing, stuck: float) -> bool:
    if standing.sync == "signed_out":
        return True
    return standing.sync not in ("sending", "waiting") and stuck >= PATIENCE


@contextmanager
def terminal_bar(words: str) -> Generator[Bar, None, None]:
    """Lend a bar in the terminal, gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with RichProgress(*columns, transient=True) as rich:
        task = rich.add_task(words, total=None)

        def tell(done: int, total: int) -> None:
            rich.update(task, completed=done, total=total)

        yield tell


def notebook_bar(output: Output, words: str) -> Bar:
    """Return a bar in a cell's output, which is then replaced by the report."""
    shown = -_INTERVAL

    def tell(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown >= _INTERVAL:
            shown = time.monotonic()
            text = f"{words}: {done:,} of {total:,} changes"
            output.replace(
                {
                    "text/html": f'<progress value="{done}" max="{max(total, 1)}"></progress> '
                    f"{html.escape(text)}",
                    "text/plain": text,
                }
            )

    return tell
