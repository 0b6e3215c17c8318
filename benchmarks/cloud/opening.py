"""Opening a session on a server that never saw it, and watching it."""

from __future__ import annotations

import statistics
from time import perf_counter

from ipyclaude.messages import SessionInfo

from ..table import Figure
from .bench import Bench, Machine, message, prose

SHORT, LONG = 100, 10_000
OPENINGS = 5
MOST_READ = 50


async def first_screen(bench: Bench) -> list[Figure]:
    """Open a long and a short session on machines that never saw them; then watch the long one."""
    bench.person()
    a = bench.machine()
    short, long = SessionInfo(name="short", cwd="/w"), SessionInfo(name="long", cwd="/w")
    async with bench.running(a):
        a.store.put(short, *(message(short, prose(n)) for n in range(SHORT)))
        a.store.put(long, *(message(long, prose(n)) for n in range(LONG)))
        await a.flushed(600)
        times: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(OPENINGS):
            for name in times:
                times[name].append(await _open(bench, name))
        read = await _watch(bench, a, long)
    ours, peer = (statistics.median(times[name]) * 1000 for name in ("long", "short"))
    return [
        Figure("first screen of 10,000 messages", ours, peer, "ms", 2.0, "of 100 messages"),
        Figure("documents a watcher reads", read, MOST_READ, "documents", 1.0, "most allowed"),
    ]


async def _open(bench: Bench, name: str) -> float:
    fresh = bench.machine()
    async with bench.running(fresh):
        info = await fresh.until(lambda: fresh.store.session(name))
        start = perf_counter()
        fresh.replica.open(info)
        assert await fresh.replica.ready(info.client_id, 60)
        return perf_counter() - start


async def _watch(bench: Bench, a: Machine, info: SessionInfo) -> int:
    """Return the most documents that one new message makes the watching query read."""
    b = bench.machine()
    async with bench.running(b):
        await b.until(lambda: b.store.session(info.name))
        b.replica.open(info)
        assert await b.replica.whole(info.client_id, 120)
        bench.server.reset_stats()
        for number in range(60):
            a.store.put(message(info, f"news {number}"))
            await b.shows(info.client_id, f"news {number}")
        return bench.server.stats()["functions"]["messages:after"]["maxDocumentsRead"]
