"""Waiting for a while, so that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, if it does so in time.

    `asyncio.wait_for` up to Python 3.11 drops a cancellation that comes in the moment in which
    the result does (https://github.com/python/cpython/issues/86296), and a loop around it then
    goes on for ever.

    Raises
    ------
    asyncio.TimeoutError
        It took longer; the coroutine was cancelled.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        in_time = task.done()
        task.cancel()
    if not in_time:
        await asyncio.gather(task, return_exceptions=True)
        raise asyncio.TimeoutError
    return task.result()


async def in_time(seconds: float, *events: asyncio.Event) -> None:
    """Wait until one of these happens, but not for ever."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
