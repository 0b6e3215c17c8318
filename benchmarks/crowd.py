"""Many watchers and many servers on the tests' Convex: how long things take, and what is asked.

A table for docs/convex-limits.md, no ratios: there is no peer, and the deployment is one slow
process. All clients live in this one, so the last rows measure it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Sequence
from pathlib import Path
from time import perf_counter

from ipyclaude.messages import SessionInfo
from ipyclaude.replica import Subscription
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.rows import message_input, session_input

from .cloud.bench import Bench, deployed, message
from .table import put

LIMITS = Path(__file__).resolve().parent.parent / "docs/convex-limits.md"

WATCHERS = (1, 10, 100, 1000)
MESSAGES = 10
SERVERS, SESSIONS = 200, 50
#: Seconds of work, and between two exchanges of one server.
SECONDS, EVERY = 20.0, 10.0
#: Clients that connect, or sessions that are made, at a time.
AT_ONCE = 25


def show(*, write: bool = False) -> None:
    """Measure and print both tables; with `write` put them into docs/convex-limits.md."""
    with deployed() as server, tempfile.TemporaryDirectory() as folder:
        bench = Bench(server, Path(folder))
        head = "| watchers of one session | median | 99 % | query runs a message | bytes to each |"
        rows = [asyncio.run(_watchers(bench, count)) for count in WATCHERS]
        tables = {
            "watchers": "\n".join([head, "|---|---|---|---|---|", *rows]),
            "servers": asyncio.run(_servers(bench)),
        }
    for mark, text in tables.items():
        print(f"{text}\n", flush=True)
        if write:
            put(LIMITS, mark, text)


async def _watchers(bench: Bench, count: int) -> str:
    bench.person()
    writer, clients = bench.client(), [bench.client() for _ in range(count)]
    info = SessionInfo(name="seen", cwd="/w")
    async with _running([writer, *clients]):
        row = session_input(info, "")
        await writer.mutation("sessions:create", {"session": row})
        args = {"session": info.client_id, "after": 0}
        lives = [client.subscribe("messages:after", args) for client in clients]
        await asyncio.gather(*(anext(live) for live in lives))
        bench.server.reset_stats()
        times = list[float]()
        for number in range(MESSAGES):
            sent, _ = message_input(message(info, f"message {number}"))
            start = perf_counter()
            heard = [asyncio.ensure_future(_heard(live, start)) for live in lives]
            append = {"session": info.client_id, "messages": [sent]}
            await writer.mutation("messages:append", append)
            times += await asyncio.gather(*heard)
        stats = bench.server.stats()
        runs = stats["functions"]["messages:after"]["runs"] / MESSAGES
        each = stats["socketBytesOut"] / MESSAGES / (count + 1) / 1000
    return f"| {count:,} | {_spread(times)} | {runs:.1f} | {each:.1f} kB |"


async def _heard(live: Subscription, start: float) -> float:
    await anext(live)
    return perf_counter() - start


async def _servers(bench: Bench) -> str:
    """Let many servers, each of a person of its own, follow their lists and write now and then."""
    servers = list[tuple[ConvexClient, list[SessionInfo]]]()
    for _ in range(SERVERS):
        bench.person()
        infos = [SessionInfo(name=f"session {n}", cwd="/w") for n in range(SESSIONS)]
        servers.append((bench.client(), infos))
    async with _running([client for client, _ in servers]):
        start = perf_counter()
        await _some_at_a_time([_make(client, infos) for client, infos in servers])
        making = SERVERS * SESSIONS / (perf_counter() - start)
        follows = [asyncio.ensure_future(_follow(client)) for client, _ in servers]
        bench.server.reset_stats()
        begun = perf_counter()
        times = [t for each in await asyncio.gather(*(_work(*s) for s in servers)) for t in each]
        took = perf_counter() - begun
        functions = bench.server.stats()["functions"].values()
        for task in follows:
            task.cancel()
        await asyncio.gather(*follows, return_exceptions=True)
    calls = sum(each["calls"] for each in functions) / took
    runs = sum(each["runs"] for each in functions) / took
    rows = [
        "| servers, sessions each | exchange sent | 99 % | exchanges/s | calls/s | runs/s |",
        "|---|---|---|---|---|---|",
        f"| {SERVERS}, {SESSIONS} | {_spread(times)} | {len(times) / took:.0f} | {calls:.0f} "
        f"| {runs:.0f} |",
    ]
    print(f"{making:.0f} sessions were made a second")
    return "\n".join(rows)


async def _make(client: ConvexClient, infos: Sequence[SessionInfo]) -> None:
    for info in infos:
        await client.mutation("sessions:create", {"session": session_input(info, "")})


async def _follow(client: ConvexClient) -> None:
    """Watch the list as a replica does: newest changes only."""
    live = client.subscribe("sessions:changed", {"after": 1e15, "limit": 100})
    leases = client.subscribe("sessions:leases", {})
    try:
        await asyncio.gather(_drain(live), _drain(leases))
    finally:
        await live.aclose()
        await leases.aclose()


async def _drain(live: Subscription) -> None:
    async for _ in live:
        pass


async def _work(client: ConvexClient, infos: Sequence[SessionInfo]) -> list[float]:
    """Send an exchange of four messages every few seconds; return how long each took."""
    times, end = list[float](), perf_counter() + SECONDS
    await asyncio.sleep(random.uniform(0, EVERY))
    while perf_counter() < end:
        info = random.choice(infos)
        rows = [message_input(message(info, "x" * 400))[0] for _ in range(4)]
        start = perf_counter()
        await client.mutation("messages:append", {"session": info.client_id, "messages": rows})
        times.append(perf_counter() - start)
        await asyncio.sleep(EVERY)
    return times


@contextlib.asynccontextmanager
async def _running(clients: Sequence[ConvexClient]) -> AsyncGenerator[None, None]:
    try:
        await _some_at_a_time([_start(client) for client in clients])
        yield
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def _start(client: ConvexClient) -> None:
    await client.start()
    await client.mutation("users:ensure", {})


async def _some_at_a_time(work: Sequence[Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with gate:
            await each

    await asyncio.gather(*(one(each) for each in work))


def _spread(times: Sequence[float]) -> str:
    ordered = sorted(times)
    last = ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return f"{statistics.median(ordered) * 1000:,.0f} ms | {last * 1000:,.0f} ms"
