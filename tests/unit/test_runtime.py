"""The loop thread runs what it is given, the main thread keeps serving, nothing is left (S9)."""

from __future__ import annotations

import _thread
import asyncio
import threading

import pytest

from ipyclaude.runtime import Runtime


def test_nothing_starts_before_it_is_used() -> None:
    """Making a runtime starts no thread."""
    before = threading.active_count()
    Runtime().close()
    assert threading.active_count() == before


def test_the_main_thread_serves_jobs_while_it_waits() -> None:
    """A coroutine can have something done on the waiting main thread."""
    runtime = Runtime()

    async def work() -> str:
        return await asyncio.wrap_future(runtime.call_main(lambda: threading.current_thread().name))

    assert runtime.wait(runtime.submit(work())) == threading.main_thread().name
    runtime.close()


def test_an_idle_main_thread_does_what_waits_for_it() -> None:
    """A job that was put while nobody waited is done by `serve_pending`, once."""
    runtime = Runtime()
    done = runtime.call_main(lambda: threading.current_thread().name)
    assert not done.done()
    runtime.serve_pending()
    runtime.serve_pending()
    assert done.result(0) == threading.main_thread().name
    runtime.close()


def test_a_failing_job_fails_for_who_asked() -> None:
    """An error on the main thread reaches the coroutine, and the wait goes on."""
    runtime = Runtime()

    def job() -> None:
        raise ValueError("no")

    async def work() -> str:
        try:
            await asyncio.wrap_future(runtime.call_main(job))
        except ValueError as error:
            return str(error)
        return "?"

    assert runtime.wait(runtime.submit(work())) == "no"
    runtime.close()


def test_an_interrupt_stops_what_is_waited_for_and_the_result_still_comes() -> None:
    """Ctrl-C calls `on_interrupt` once, and the wait ends with the future's own result."""
    runtime = Runtime()
    stopped = asyncio.Event()

    async def work() -> str:
        runtime.call_main(_thread.interrupt_main)
        await stopped.wait()
        return "kept"

    loop = runtime.loop
    calls: list[object] = []
    result = runtime.wait(
        runtime.submit(work()),
        on_interrupt=lambda: calls.append(loop.call_soon_threadsafe(stopped.set)),
    )
    assert result == "kept"
    assert len(calls) == 1
    runtime.close()


def test_a_second_interrupt_gives_up() -> None:
    """If stopping hangs, the user still gets the prompt back."""
    runtime = Runtime()

    async def work() -> None:
        runtime.call_main(_thread.interrupt_main)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        runtime.wait(
            runtime.submit(work()),
            on_interrupt=lambda: void(runtime.call_main(_thread.interrupt_main)),
        )
    runtime.close()


def test_close_cancels_what_runs_and_ends_the_thread() -> None:
    """No task and no thread is left."""
    runtime = Runtime()
    cancelled = threading.Event()
    started = threading.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    future = runtime.submit(forever())
    assert started.wait(5)
    runtime.close()
    assert cancelled.is_set()
    assert future.cancelled()
    assert "ipyclaude" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(RuntimeError, match="load_ext"):
        _ = runtime.loop


def void(_: object) -> None:
    """Drop a value."""
