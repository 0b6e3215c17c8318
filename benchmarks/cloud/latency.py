"""Saved on A, shown on B: ours against two bare clients that write and watch the same."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from time import perf_counter

from ipyclaude.messages import Message, SessionInfo, Value
from ipyclaude.replica import Subscription
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.rows import message_input, session_input
from ipyclaude.replica.tail import RENEW

from ..table import Figure
from .bench import Bench, Machine, message

PAIRS = 60
#: Convex is rarely on the same machine: a delay for ours and the bare client alike, in ms.
AWAY_MS = 25
_PAUSE = 0.05  # seconds in which what the last one set off comes to its end


async def saved_to_shown(bench: Bench) -> list[Figure]:
    """Send by turns through both: a message saved on A until B's store tells it."""
    bench.person()
    a, b = bench.machine(), bench.machine()
    bench.person()  # of whose messages A and B hear nothing
    up, down = bench.client(), bench.client()
    info, bare = SessionInfo(name="ours", cwd="/w"), SessionInfo(name="bare", cwd="/w")
    async with bench.running(a, b, up, down):
        a.store.put(info, message(info, "first"))
        await a.flushed()
        await b.opened("ours")
        await up.mutation(
            "messages:append",
            {"session": bare.client_id, "messages": [], "info": session_input(bare, "")},
        )
        heard: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hear(values: Sequence[Value]) -> None:
            for value in values:
                if isinstance(value, Message):
                    loop.call_soon_threadsafe(heard.put_nowait, value.client_id)

        unsubscribe = b.store.subscribe(hear)
        bare_pair = _Bare(up, down, bare)
        near = await _by_turns(a, heard, info, bare_pair, bare)
        bench.server.faults.slow(AWAY_MS, "messages:append", times=10 * PAIRS)
        away = await _by_turns(a, heard, info, bare_pair, bare)
        bench.server.faults.clear()
        unsubscribe()
        await bare_pair.close()
    what, peer = "saved on A until B's store has it", "bare mutation → subscription"
    return [
        Figure(what, *near, "ms", 1.5, peer),
        Figure(f"{what}, Convex {AWAY_MS} ms away", *away, "ms", 1.5, peer),
    ]


async def _by_turns(
    a: Machine, heard: asyncio.Queue[str], info: SessionInfo, pair: _Bare, bare: SessionInfo
) -> tuple[float, float]:
    """Send by ours and by the bare clients; return both medians in ms."""
    ours, peer = list[float](), list[float]()
    for number in range(PAIRS):
        await asyncio.sleep(_PAUSE)
        ours.append(await _ours(a, heard, message(info, f"message {number}")))
        await asyncio.sleep(_PAUSE)
        peer.append(await pair.send(message(bare, f"message {number}")))
    return statistics.median(ours) * 1000, statistics.median(peer) * 1000


async def _ours(a: Machine, heard: asyncio.Queue[str], one: Message) -> float:
    start = perf_counter()
    a.store.put(one)
    while await heard.get() != one.client_id:
        pass
    return perf_counter() - start


class _Bare:
    """Two bare clients that write and watch what ours do: the list, the end of the session."""

    def __init__(self, up: ConvexClient, down: ConvexClient, info: SessionInfo) -> None:
        self._up, self._down, self._session = up, down, info.client_id
        self._known = self._after = 0
        self._live = self._watch()
        self._lists = [
            asyncio.ensure_future(_follow_list(client, session_input(info, "")["lastActivityAt"]))
            for client in (up, down)
        ]

    async def close(self) -> None:
        """Watch no more."""
        for task in self._lists:
            task.cancel()
        await asyncio.gather(*self._lists, return_exceptions=True)

    def _watch(self) -> Subscription:
        args = {"session": self._session, "after": self._after}
        return self._down.subscribe("messages:after", args)

    async def send(self, one: Message) -> float:
        """Send a message; return the seconds until it came."""
        if self._known == self._after:
            await anext(self._live)
        row, _ = message_input(one)
        start = perf_counter()
        args = {"session": self._session, "messages": [row]}
        sent = asyncio.ensure_future(self._up.mutation("messages:append", args))
        page = await anext(self._live)
        took = perf_counter() - start
        await sent
        self._known = int(page["messages"][-1]["seq"])
        if self._known - self._after >= RENEW:
            await self._live.aclose()
            self._after = self._known
            self._live = self._watch()
        return took


async def _follow_list(client: ConvexClient, after: float) -> None:
    live = client.subscribe("sessions:changed", {"after": after, "limit": 100})
    async for _ in live:
        pass
