"""Waiting for the loop, on the main thread, until it has done something or Ctrl-C."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..exceptions import TurnStopped
from ..extension import App

T = TypeVar("T")


def wait(app: App, coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine on the main thread, while clicks are served; Ctrl-C ends it.

    Raises
    ------
    TurnStopped
        By Ctrl-C.
    """
    running: list[asyncio.Task[Any]] = []

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.append(task)
        return await coroutine

    def stop() -> None:
        for task in running:
            app.runtime.loop.call_soon_threadsafe(task.cancel)

    pump = app.host.make_pump()
    try:
        return app.runtime.wait(
            app.runtime.submit(run()), pump=pump[0] if pump else None, on_interrupt=stop
        )
    except concurrent.futures.CancelledError:
        raise TurnStopped from None
    finally:
        if pump:
            pump[1]()
