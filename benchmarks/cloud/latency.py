"""Saved on A, shown on B: ours against two bare clients that write and watch the same.

A is a process of its own (writer.py), as servers are; B and the bare client that watches are this
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from ipyclaude.messages import Message, Value, now_ms
from ipyclaude.replica import Subscription
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.tail import RENEW

from ..table import Figure
from .bench import Bench, follow_list

PAIRS = 60
#: Convex is rarely on the same machine: a delay for ours and the bare client alike, in ms.
AWAY_MS = 25
_PAUSE = 0.05  # seconds in which what the last one set off comes to its end


async def saved_to_shown(bench: Bench) -> list[Figure]:
    """Send by turns through both: a message saved on A until B's store tells it."""
    bench.person()
    b, token = bench.machine(), bench.token
    bench.person()  # of whose messages A and B hear nothing
    down = bench.client()
    words = (bench.server.url, token, bench.token, str(bench.store()))
    async with _writer(words) as a, bench.running(b, down):
        await b.opened("ours")
        heard: asyncio.Queue[float] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hear(values: Sequence[Value]) -> None:
            if any(isinstance(value, Message) for value in values):
                loop.call_soon_threadsafe(heard.put_nowait, 0.0)

        unsubscribe = b.store.subscribe(hear)
        bare = _Bare(down, a.sessions["bare"])
        near = await _by_turns(a, heard, bare)
        bench.server.faults.slow(AWAY_MS, "messages:append", times=10 * PAIRS)
        away = await _by_turns(a, heard, bare)
        bench.server.faults.clear()
        unsubscribe()
        await bare.close()
    what, peer = "saved on A until B's store has it", "bare mutation → subscription"
    return [
        Figure(what, *near, "ms", 1.5, peer),
        Figure(f"{what}, Convex {AWAY_MS} ms away", *away, "ms", 1.5, peer),
    ]


@dataclass
class _Writer:
    """Server A's process, and its sessions' ids."""

    process: asyncio.subprocess.Process
    sessions: dict[str, str]

    async def timed(self, who: str, shown: Callable[[], Awaitable[object]]) -> float:
        """Let it write through `who`; return the seconds until `shown`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{who}\n".encode())
        await shown()
        now = perf_counter()
        return now - float(await self.process.stdout.readline())


@contextlib.asynccontextmanager
async def _writer(words: Sequence[str]) -> AsyncGenerator[_Writer, None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.cloud.writer", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield _Writer(process, json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


async def _by_turns(a: _Writer, heard: asyncio.Queue[float], bare: _Bare) -> tuple[float, float]:
    """Send by ours and by the bare clients; return both medians in ms."""
    ours, peer = list[float](), list[float]()
    for _ in range(PAIRS):
        await asyncio.sleep(_PAUSE)
        ours.append(await a.timed("ours", heard.get))
        await asyncio.sleep(_PAUSE)
        await bare.ready()
        peer.append(await a.timed("bare", bare.shown))
    return statistics.median(ours) * 1000, statistics.median(peer) * 1000


class _Bare:
    """A bare client that watches what B does: the list, the end of the session."""

    def __init__(self, client: ConvexClient, session_id: str) -> None:
        self._client, self._session = client, session_id
        self._after, self._known = 0, -1
        self._live = self._watch()
        self._list = asyncio.ensure_future(follow_list(client, now_ms()))

    async def close(self) -> None:
        """Watch no more."""
        await self._live.aclose()
        self._list.cancel()
        await asyncio.gather(self._list, return_exceptions=True)

    def _watch(self) -> Subscription:
        args = {"session": self._session, "after": self._after}
        return self._client.subscribe("messages:after", args)

    async def ready(self) -> None:
        """Ask anew from the end where much has come, as a replica does; have the first answer."""
        if self._known - self._after >= RENEW:
            await self._live.aclose()
            self._after, self._known = self._known, -1
            self._live = self._watch()
        if self._known < 0:
            await anext(self._live)
            self._known = self._after

    async def shown(self) -> None:
        """Wait for the next message."""
        page = await anext(self._live)
        self._known = int(page["messages"][-1]["seq"])
