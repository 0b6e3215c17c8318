"""Server A of the latency's benchmark, in a process of its own as servers are: ours, and bare.

Prints the ids of both sessions as a line of JSON; then writes a message through one of the two
for each line that names it, and prints when it began (`perf_counter`, which processes share).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

from ipyclaude.identity.static import StaticToken
from ipyclaude.messages import SessionInfo
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.rows import message_input, session_input

from .bench import Machine, follow_list, message


async def main(url: str, token: str, bare_token: str, store: str) -> None:
    """Serve until the input ends."""
    a, up = Machine(url, token, Path(store)), ConvexClient(url, StaticToken(lambda: bare_token))
    ours, bare = SessionInfo(name="ours", cwd="/w"), SessionInfo(name="bare", cwd="/w")
    await a.replica.start()
    await up.start()
    await up.mutation("users:ensure", {})
    a.store.put(ours, message(ours, "first"))
    await a.flushed()
    row = session_input(bare, "")
    await up.mutation("sessions:create", {"session": row})
    listing = asyncio.ensure_future(follow_list(up, row["lastActivityAt"]))

    async def by_ours() -> float:
        one, begun = message(ours, "news"), perf_counter()
        a.store.put(one)
        return begun

    async def by_bare() -> float:
        (sent, _), begun = message_input(message(bare, "news")), perf_counter()
        await up.mutation("messages:append", {"session": bare.client_id, "messages": [sent]})
        return begun

    writes: dict[str, Callable[[], Awaitable[float]]] = {"ours": by_ours, "bare": by_bare}
    print(json.dumps({"ours": ours.client_id, "bare": bare.client_id}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(await writes[line.strip()](), flush=True)
    listing.cancel()
    await asyncio.gather(listing, return_exceptions=True)
    await a.close()
    await up.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
