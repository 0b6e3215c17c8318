"""What the Convex client does on the wire, and that nothing of it is left afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clients import FAST, Tokens, connected, items, proxy, push, until
from convex_server import ConvexServer

from ipyclaude.exceptions import CloudUnreachable
from ipyclaude.identity import Token
from ipyclaude.replica import CloudState
from ipyclaude.replica.convex import ConvexClient

pytestmark = pytest.mark.asyncio


# -- large, slow, through a proxy -----------------------------------------------------------


@pytest.fixture(scope="module")
def chunking(sample_session: ConvexServer) -> Any:
    """A deployment that sends every larger transition in parts."""
    from functions import SERVER

    with ConvexServer(sample_session.issuer, chunk_bytes=1 << 20) as server:
        server.deploy(SERVER)
        yield server


async def test_a_transition_in_parts_arrives_whole(chunking: ConvexServer, source: Tokens) -> None:
    """A result of 6 MB comes in parts and is equal."""
    value = "é" * (3 << 20)
    async with connected(chunking.url, source) as client:
        live = client.subscribe("items:echo", {"value": value})
        assert await anext(live) == value


async def test_a_large_result_arrives_whole(sample: ConvexServer, source: Tokens) -> None:
    """A result of 6 MB comes in one message, as real Convex sends it to clients like ours."""
    value = "é" * (3 << 20)
    async with connected(sample.url, source) as client:
        live = client.subscribe("items:echo", {"value": value})
        assert await anext(live) == value


async def test_more_than_is_taken_in_is_told(sample: ConvexServer, source: Tokens) -> None:
    """A message without end is refused, not kept in memory."""
    async with connected(sample.url, source, max_message_bytes=1 << 20) as client:
        client.subscribe("items:echo", {"value": "x" * (2 << 20)})
        assert "more than 1 MiB" in (await until(client, "refused")).detail


async def test_a_slow_server_is_waited_for(sample: ConvexServer, source: Tokens) -> None:
    """A mutation has no time limit while the server lives."""
    async with connected(sample.url, source) as client:
        await until(client, "online")
        sample.faults.slow(700, "items:push")
        assert await push(client, 1) == 1.0
        assert client.state.kind == "online"


async def test_everything_goes_through_the_proxy_of_the_environment(
    sample: ConvexServer, source: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY and HTTP_PROXY carry the socket and the calls."""
    async with proxy() as through:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
            monkeypatch.setenv(name, through.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with connected(sample.url, source) as client:
            await push(client, 1)
            assert await items(client) == [1]
        host = sample.url.removeprefix("http://")
        assert through.requests == [f"CONNECT {host}", f"POST {sample.url}/api/query"]


async def test_no_proxy_goes_round_it(
    sample: ConvexServer, source: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host in NO_PROXY is reached directly."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with connected(sample.url, source) as client:
        await push(client, 1)
        assert await items(client) == [1]


async def test_a_proxy_that_is_not_there_is_told(
    sample: ConvexServer, source: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words name what failed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with connected(sample.url, source) as client:
        assert "Nothing answers" in (await until(client, "offline")).detail


# -- the end --------------------------------------------------------------------------------


async def others() -> set[asyncio.Task[Any]]:
    """Return the tasks besides this test's own."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def no_sockets(server: ConvexServer) -> None:
    """Wait until the server has seen every connection end."""
    for _ in range(500):
        if not server.stats()["sockets"]:
            return
        await asyncio.sleep(0.02)
    pytest.fail("a connection is left")


async def test_closing_in_the_middle_leaves_nothing(sample: ConvexServer, source: Tokens) -> None:
    """Callers and readers are told, and no task and no socket is left."""
    client = ConvexClient(sample.url, source, timing=FAST, api=None)
    await client.start()
    await until(client, "online")
    sample.faults.slow(400, "items:push")
    call = asyncio.create_task(push(client, 1))
    live = client.subscribe("items:list", {"list": "a"})
    await anext(live)
    reader = asyncio.create_task(anext(live, "end"))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(client.close(), 2)
    with pytest.raises(CloudUnreachable, match="closed"):
        await call
    assert await reader == "end"
    assert await others() == set()
    await no_sockets(sample)
    await client.close()
    for action in (push(client, 1), items(client), client.start()):
        with pytest.raises(CloudUnreachable, match="closed"):
            await action


@pytest.mark.parametrize("moment", ["before", "token", "connecting", "waiting"])
async def test_closing_at_any_moment_is_clean(
    sample: ConvexServer, source: Tokens, moment: str
) -> None:
    """Before it was started, while a token is fetched, during a handshake, between two tries."""

    class Slow:
        async def token(self, force_refresh: bool) -> Token | None:
            await asyncio.sleep(600)
            return None

    silent = await asyncio.start_server(lambda r, w: None, "127.0.0.1")
    port = silent.sockets[0].getsockname()[1]
    urls = {"connecting": f"http://127.0.0.1:{port}", "waiting": "http://127.0.0.1:9"}
    client = ConvexClient(
        urls.get(moment, sample.url), Slow() if moment == "token" else source, api=None
    )
    if moment != "before":
        await client.start()
        await asyncio.sleep(0.05)
    await asyncio.wait_for(client.close(), 2)
    assert await others() == set()
    silent.close()


async def test_closing_while_much_arrives_is_clean(sample: ConvexServer, source: Tokens) -> None:
    """A message that comes in the same moment doesn't keep the client alive."""
    for round_ in range(25):
        client = ConvexClient(sample.url, source, timing=FAST, api=None)
        await client.start()
        live = client.subscribe("items:list", {"list": "a"})
        calls = [asyncio.create_task(push(client, round_)) for _ in range(3)]
        await anext(live)
        await asyncio.wait_for(client.close(), 5)
        await asyncio.gather(*calls, return_exceptions=True)
        assert await others() == set()


async def test_a_listener_that_fails_is_not_the_connections_end(
    sample: ConvexServer, source: Tokens
) -> None:
    """Others are told all the same, and unsubscribing ends it."""
    heard: list[CloudState] = []

    def broken(state: CloudState) -> None:
        raise ValueError(state.kind)

    async with connected(sample.url, source) as client:
        client.on_state(broken)
        stop = client.on_state(heard.append)
        await until(client, "online")
        stop()
        stop()
    assert [state.kind for state in heard] == ["online"]
