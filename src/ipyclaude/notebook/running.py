"""Runs Claude's code as a cell runs: in the user's namespace, on the main thread, in sight.

A time-out is an interrupt that a watchdog sends, so that it reaches `sleep`, `input()` and
whatever else Ctrl-C reaches, and nothing that it doesn't.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .capture import Captured, capturing

#: Seconds after which an interrupt that had no effect is sent again.
AGAIN_SECONDS = 1.0
#: Interrupts without effect after which code counts as stuck.
STUCK_AFTER = 3


@dataclass
class Ran:
    """What code gave, and what ended it."""

    captured: Captured
    interrupted: bool = False
    #: The interrupt was the time-out's.
    timed_out: bool = False


class Watchdog:
    """Interrupts the main thread after `timeout` seconds, or when it is told to.

    The time-out is an alarm of the system, where there is one: a call that holds the lock of
    the interpreter, such as a regular expression that goes astray, lets no thread of ours act.
    `on_stuck` is called, on the watchdog's thread, if interrupting has no effect.
    """

    def __init__(self, timeout: float, on_stuck: Callable[[], None] | None = None) -> None:
        self._timeout, self._on_stuck = timeout, on_stuck
        self._told, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ipyclaude-watchdog", daemon=True)
        self._begun, self._ended = 0.0, 0.0
        self._alarm = False
        self.stopped = False

    @property
    def timed_out(self) -> bool:
        """The time is over."""
        took = (self._ended or time.monotonic()) - self._begun
        return not self.stopped and took >= self._timeout

    @property
    def fired(self) -> bool:
        """What interrupted was this watchdog, and not the user."""
        return self.stopped or self.timed_out

    def stop(self) -> None:
        """Interrupt now (any thread)."""
        self.stopped = True
        self._told.set()

    def _watch(self) -> None:
        self._told.wait(self._timeout)
        sent = 0
        while not self._over.is_set():
            if self.stopped or not self._alarm:
                interrupt_main()
            sent += 1
            if not self._over.wait(AGAIN_SECONDS) and sent == STUCK_AFTER and self._on_stuck:
                self._on_stuck()

    @contextmanager
    def watching(self) -> Generator[None, None, None]:
        """Watch what runs inside (main thread)."""
        self._begun = time.monotonic()
        # Python's own handler: it leaves no frame of ours in the traceback.
        before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
        if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) == signal.SIG_DFL:
            self._alarm = True
            before[signal.SIGALRM] = signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, self._timeout, AGAIN_SECONDS)
        self._thread.start()
        try:
            yield
        finally:
            try:
                self._disarm(before)
            except KeyboardInterrupt:  # it came in the very last moment
                self._disarm(before)
            self._ended = time.monotonic()
            self._over.set()
            self._told.set()
            # An interrupt that is on its way must find our handler, not the kernel's.
            self._thread.join()
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _disarm(self, signals: Iterable[signal.Signals]) -> None:
        for number in signals:
            signal.signal(number, self._late)
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _late(self, *_: object) -> None:
        if not self.fired:
            raise KeyboardInterrupt


def interrupt_main() -> None:
    """Interrupt the main thread, so that it wakes from a sleep too."""
    ident = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:
        signal.pthread_kill(ident, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def run_code(shell: Any, code: str, watchdog: Watchdog) -> Ran:
    """Run code as a cell does, and keep what it shows (main thread).

    It stands in no history: the session has it.
    """
    result: Any = None
    interrupted = False
    with capturing(shell, code) as captured, _own_loop(shell), _outer_state_kept(shell):
        try:
            with watchdog.watching():
                result = shell.run_cell(code, store_history=False)
        except KeyboardInterrupt:
            interrupted = True
    error = (result.error_before_exec or result.error_in_exec) if result is not None else None
    captured.failed = captured.failed or error is not None
    interrupted = interrupted or isinstance(error, KeyboardInterrupt)
    return Ran(captured, interrupted, watchdog.timed_out)


@contextmanager
def _outer_state_kept(shell: Any) -> Generator[None, None, None]:
    """Let the cell that waits end by its own merits: ipykernel asks the shell how it went."""
    names = ("_last_traceback", "_last_traceback_during_displayhook")
    before = {name: getattr(shell, name) for name in names if hasattr(shell, name)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(shell, name, value)


@contextmanager
def _own_loop(shell: Any) -> Generator[None, None, None]:
    """Let code that awaits run on a loop of its own: the main one is busy with the cell."""
    before = shell.loop_runner
    shell.loop_runner = _run_apart
    try:
        yield
    finally:
        shell.loop_runner = before


def _run_apart(coroutine: Coroutine[Any, Any, Any]) -> Any:
    running = asyncio._get_running_loop()
    swap = getattr(asyncio.tasks, "_swap_current_task", None)  # Python 3.12 and later
    task = swap(running, None) if swap is not None and running is not None else None
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
        asyncio._set_running_loop(running)
        if swap is not None and running is not None:
            swap(running, task)
