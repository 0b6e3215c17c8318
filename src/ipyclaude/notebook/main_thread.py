"""How a job gets onto the main thread: served by the cell that waits, or by the idle kernel.

A kernel that is busy with a cell has its turn first: the job is done once the cell is over.
Never on a subshell's thread, nor on ours. Only under the cell that waits can it ask the person.
"""

from __future__ import annotations

import asyncio
import builtins
import getpass
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import TypeVar

from ..exceptions import IpyClaudeError, NobodyToAsk
from ..host import Host
from ..runtime import Runtime

T = TypeVar("T")

#: Seconds after which a job that has not begun is said to wait.
PATIENCE = 0.5


class MainThread:
    """Does jobs on the main thread, one at a time, each under the cell that asked for it."""

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime, self._host = runtime, host
        host.watch()
        host.on("post_execute", self._offer)

    async def do(
        self, job: Callable[[], T], *, parent: object, on_wait: Callable[[], None] | None = None
    ) -> T:
        """Do a job and return its result (loop thread); `on_wait` is called if it must wait.

        Raises
        ------
        IpyClaudeError
            Nobody will: a terminal's main thread serves jobs only while it waits.
        Interrupted
            The user interrupted the job, and with it whoever asked.
        """
        if not self._runtime.main_is_waiting and not self._host.is_kernel:
            raise IpyClaudeError(
                "The terminal is at its prompt, so nothing can run in it.",
                fix="Ask without -b: Claude's code runs while %claude waits.",
            )

        def work() -> T:
            asks = self._runtime.main_is_waiting and self._host.runs(parent)
            with self._host.under(parent), nullcontext() if asks else _nobody_asked():
                return job()

        done = self._runtime.call_main(work)
        self._offer()
        waiting = asyncio.wrap_future(done)
        if on_wait is not None and not (done.running() or done.done()):
            await asyncio.wait([waiting], timeout=PATIENCE)
            if not (done.running() or done.done()):
                on_wait()
        return await waiting

    def _offer(self) -> None:
        """Let the idle kernel look for jobs, between two cells."""
        self._host.call_soon(self._serve)

    def _serve(self) -> None:
        if self._host.busy:
            return  # an async cell that sleeps: its end offers again
        try:
            self._runtime.serve_pending()
        except KeyboardInterrupt:
            # Whoever asked has been told; the kernel's loop must not end by it.
            self._offer()


@contextmanager
def _nobody_asked() -> Generator[None, None, None]:
    """Let `input()` and `getpass()` say why they ask nobody."""
    before = builtins.input, getpass.getpass

    def refuse(*_: object, **__: object) -> str:
        raise NobodyToAsk(
            "input() can ask nobody here.",
            why="A notebook asks only below a cell that runs, and a chat's code runs in none.",
            fix="Tell Claude in the chat what to use, or have it run by %%claude in a cell.",
        )

    builtins.input, getpass.getpass = refuse, refuse
    try:
        yield
    finally:
        builtins.input, getpass.getpass = before
