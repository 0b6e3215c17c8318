"""The only event-loop thread of ours (S9), and the main thread's way to wait for it.

Engines, sessions and widgets' handlers run on the loop. The main thread waits only in
`Runtime.wait`, where it goes on serving jobs that must run on it (an `input()` prompt, the
kernel's messages) and turns Ctrl-C into an interruption of what it waits for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.2  # a blocked Queue.get without a timeout would not see Ctrl-C on all systems
_PUMP_SECONDS = 0.03


class Interrupted(Exception):
    """A job on the main thread was interrupted; whoever waits there deals with it."""


class Runtime:
    """Owns the loop thread; started by the first `submit`, ended by `close`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._closed = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._lock:
            if self._closed:
                raise RuntimeError("ipyclaude was unloaded; run %load_ext ipyclaude again")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="ipyclaude", daemon=True
                )
                self._thread.start()
            return self._loop

    @property
    def closed(self) -> bool:
        """True once it was ended; nothing runs on it any more."""
        return self._closed

    @property
    def on_loop(self) -> bool:
        """True on the loop's own thread."""
        return threading.current_thread() is self._thread

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop; from any thread. The task is held until it ends."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def start() -> None:
            task = loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda t: _copy_outcome(t, done))

        loop = self.loop
        loop.call_soon_threadsafe(start)
        return done

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and block for its result (seconds)."""
        return self.submit(coroutine).result(timeout)

    @property
    def main_is_waiting(self) -> bool:
        """True while the main thread is inside `wait` and serves jobs."""
        return self._waiting > 0

    def call_main(self, job: Callable[[], T]) -> concurrent.futures.Future[T]:
        """Run `job` on the main thread, once it is in `wait` or in `serve_pending`."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def serve() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(job())
            except KeyboardInterrupt:
                # Not the KeyboardInterrupt itself: in a task it would end the loop.
                done.set_exception(Interrupted("interrupted on the main thread"))
                raise
            except Exception as error:  # noqa: BLE001 - handed to whoever asked
                done.set_exception(error)

        self._jobs.put(serve)
        return done

    def serve_pending(self) -> None:
        """Do the jobs that wait for the main thread, on the main thread, while it is idle."""
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job()

    def wait(
        self,
        future: concurrent.futures.Future[T],
        *,
        pump: Callable[[], None] | None = None,
        on_interrupt: Callable[[], None] | None = None,
    ) -> T:
        """Wait on the main thread for `future`, serving jobs and calling `pump` meanwhile.

        Ctrl-C calls `on_interrupt` once (it should make the future end) and goes on
        waiting; a second Ctrl-C gives up and raises KeyboardInterrupt.
        """
        future.add_done_callback(lambda _: self._jobs.put(None))
        interrupted = False
        self._waiting += 1
        try:
            while True:
                try:
                    self._serve(future, pump)
                    return future.result()
                except KeyboardInterrupt:
                    if future.done() or interrupted or on_interrupt is None:
                        raise
                    interrupted = True
                    on_interrupt()
        finally:
            self._waiting -= 1

    def _serve(
        self, future: concurrent.futures.Future[Any], pump: Callable[[], None] | None
    ) -> None:
        while not future.done():
            if pump is not None:
                pump()
            try:
                job = self._jobs.get(timeout=_POLL_SECONDS if pump is None else _PUMP_SECONDS)
            except queue.Empty:
                continue
            if job is not None:
                job()

    def close(self, timeout: float = 10) -> None:
        """Cancel what still runs, wait for it, and end the thread."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._cancel_all(), loop).result(timeout)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout)

    async def _cancel_all(self) -> None:
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _copy_outcome(task: asyncio.Task[T], done: concurrent.futures.Future[T]) -> None:
    if done.cancelled():
        return
    if task.cancelled():
        done.cancel()
        return
    error = task.exception()
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(task.result())
