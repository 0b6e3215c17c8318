"""Our client on a test deployment: token sources, and a proxy to go through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from ipyclaude.identity import Token, TokenSource
from ipyclaude.replica import CloudKind, CloudState
from ipyclaude.replica._timing import Timing
from ipyclaude.replica.convex import ConvexClient

#: Quick, so that tests are.
FAST = Timing(first_wait=0.05, longest_wait=0.2)


class Tokens:
    """A `TokenSource` that hands out one token after the other; by force the next one.

    A None among them says that nobody is signed in; the last one stays.
    """

    def __init__(self, *texts: str | None) -> None:
        self.texts = list(texts)
        self.asked: list[bool] = []

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the token whose turn it is."""
        self.asked.append(force_refresh)
        if force_refresh and len(self.texts) > 1:
            self.texts.pop(0)
        return Token.of_jwt(self.texts[0]) if self.texts[0] is not None else None


@contextlib.asynccontextmanager
async def connected(
    url: str, source: TokenSource | None, *, timing: Timing = FAST, **more: Any
) -> AsyncGenerator[ConvexClient]:
    """Give a started client of the sample functions, which take no `api`."""
    more = {"api": None, **more}
    client = ConvexClient(url, source, timing=timing, **more)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def until(client: ConvexClient, kind: CloudKind, seconds: float = 120) -> CloudState:
    """Wait until the client is in a state."""
    reached = asyncio.Event()

    def look(state: CloudState) -> None:
        if state.kind == kind:
            reached.set()

    unsubscribe = client.on_state(look)
    look(client.state)
    try:
        await asyncio.wait_for(reached.wait(), seconds)
    finally:
        unsubscribe()
    return client.state


async def items(client: ConvexClient) -> list[Any]:
    """Read what was pushed."""
    return await client.query("items:list", {"list": "a"})


async def push(client: ConvexClient, value: Any) -> Any:
    """Add an item; twice if it runs twice."""
    return await client.mutation("items:push", {"list": "a", "value": value})


@dataclass
class Proxy:
    """A forward proxy on loopback: tunnels, and plain requests."""

    port: int = 0
    #: What was asked of it, e.g. `CONNECT 127.0.0.1:1`.
    requests: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        """What goes into HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        self.requests.append(f"{method.decode()} {target.decode()}")
        where = target if method == b"CONNECT" else target.split(b"/")[2]
        host, _, port = where.decode().partition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            up_writer.write(head.replace(b"http://" + where, b"", 1))
        await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxy() -> AsyncGenerator[Proxy]:
    """Run a forward proxy."""
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1")
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
