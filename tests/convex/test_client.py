"""The Convex client keeps its promises over every way that a connection can fail.

Against the sample functions, where `items:push` would show a mutation that ran twice.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest
from clients import Tokens, connected, items, push, until
from convex_server import ConvexServer

from ipyclaude.api_version import API_VERSION
from ipyclaude.exceptions import (
    CloudError,
    CloudFault,
    CloudRefused,
    CloudUnreachable,
    SettingsError,
)
from ipyclaude.messages import new_id
from ipyclaude.replica import CloudState
from ipyclaude.replica._timing import Timing
from ipyclaude.replica.convex import ConvexClient

pytestmark = pytest.mark.asyncio


# -- calls, live queries, files -------------------------------------------------------------


async def test_what_is_written_can_be_read_and_watched(
    sample: ConvexServer, source: Tokens
) -> None:
    """A mutation's result comes when live queries show what it changed."""
    async with connected(sample.url, source) as client:
        live = client.subscribe("items:list", {"list": "a"})
        assert await anext(live) == []
        assert await push(client, "x") == 1.0
        assert await asyncio.wait_for(anext(live), 0.1) == ["x"]
        assert await items(client) == ["x"]
        await live.aclose()
        assert [value async for value in live] == []


async def test_every_kind_of_value_comes_back_equal(sample: ConvexServer, source: Tokens) -> None:
    """Texts with lone surrogates and NUL, bytes, specials and depth survive both ways in."""
    depth: dict[str, Any] = {"k": {}}
    value = {"t": "\ud800\0é😀\U0010ffff", "b": b"\0\xff", "n": [None, True, -1.5, depth]}
    async with connected(sample.url, source) as client:
        await push(client, value)
        assert await items(client) == [value]
        live = client.subscribe("items:list", {"list": "a"})
        assert await anext(live) == [value]


async def test_only_the_latest_result_waits(sample: ConvexServer, source: Tokens) -> None:
    """A reader that is slow sees the newest state next, not each one in between."""
    async with connected(sample.url, source) as client:
        live = client.subscribe("items:list", {"list": "a"})
        await anext(live)
        for number in range(5):
            await push(client, number)
        assert await anext(live) == [0, 1, 2, 3, 4]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(live), 0.05)


async def test_a_live_query_outlasts_an_error_of_its_function(
    convex: ConvexServer, source: Tokens
) -> None:
    """The error is raised once, and the next result comes to who asks again."""
    session = {
        "clientId": new_id(),
        "createdAt": 0,
        "name": "n",
        "cwd": "/",
        "phase": {"type": "idle"},
        "isClaudeBusy": False,
        "lastActivityAt": 0,
    }
    async with connected(convex.url, source, api=API_VERSION) as client:
        await client.mutation("users:ensure", {})
        live = client.subscribe("messages:after", {"session": session["clientId"], "after": 0})
        with pytest.raises(CloudRefused) as caught:
            await anext(live)
        assert caught.value.code == "NotFound"
        await client.mutation("sessions:create", {"session": session})
        assert await anext(live) == {"messages": [], "more": False}


async def test_a_page_keeps_its_end_over_a_reconnect(sample: ConvexServer, source: Tokens) -> None:
    """The journal goes back to the server, so that a page neither gains nor loses its last item."""
    async with connected(sample.url, source) as client:
        for number in range(3):
            await push(client, number)
        page = {"list": "a", "paginationOpts": {"numItems": 2, "cursor": None}}
        live = client.subscribe("items:pages", page)
        assert [item["value"] for item in (await anext(live))["page"]] == [2, 1]
        sample.faults.drop()
        await push(client, 3)
        while len(found := (await anext(live))["page"]) < 3:
            pass
        assert [item["value"] for item in found] == [3, 2, 1]


async def test_files_come_back_equal(sample: ConvexServer, source: Tokens) -> None:
    """A file of some MB goes up by an upload URL and comes down by its own."""
    data = random.Random(1).randbytes(3 << 20)
    async with connected(sample.url, source) as client:
        storage_id = await client.upload(data, "application/octet-stream")
        url = await client.query("files:url", {"storageId": storage_id})
        assert await client.download(url) == data
        assert client.stats.bytes_up > len(data)
        assert client.stats.bytes_down > len(data)
        with pytest.raises(CloudError):
            await client.download(f"{url}x")


# -- what functions refuse, and where they fail ---------------------------------------------


async def test_a_refusal_is_for_good_and_says_what_the_function_said(
    sample: ConvexServer, source: Tokens
) -> None:
    """A `ConvexError` comes with its code and data."""
    data = {"code": "LeaseHeld", "message": "Bo writes.", "holder": "bo"}
    async with connected(sample.url, source) as client:
        with pytest.raises(CloudRefused, match="Bo writes") as caught:
            await client.mutation("items:refuse", {"data": data})
    assert (caught.value.code, caught.value.data) == ("LeaseHeld", data)


@pytest.mark.parametrize("fault", ["error", "conflict"])
async def test_a_failure_passes(sample: ConvexServer, source: Tokens, fault: str) -> None:
    """A bug and a lost race are told as passing, and nothing was written."""
    async with connected(sample.url, source) as client:
        if fault == "error":
            sample.faults.error("items:push")
        else:
            sample.faults.conflict("items:push", attempts=9)
        with pytest.raises(CloudFault):
            await push(client, 1)
        sample.faults.clear()
        await push(client, 2)
        assert await items(client) == [2]


async def test_an_http_500_passes(sample: ConvexServer, source: Tokens) -> None:
    """A query that met a broken server may be tried again."""
    async with connected(sample.url, source) as client:
        sample.faults.internal("items:list")
        with pytest.raises(CloudFault):
            await items(client)
        assert await items(client) == []


# -- exactly once ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lose_reply", "drop_before", "internal"])
async def test_a_mutation_runs_once_though_its_connection_ends(
    sample: ConvexServer, source: Tokens, fault: str
) -> None:
    """Whether the work was done or not when the connection ended, it is done once (S2)."""
    async with connected(sample.url, source) as client:
        getattr(sample.faults, fault)("items:push", times=3)
        assert await push(client, "once") == 1.0
        assert await items(client) == ["once"]
        assert sample.stats()["faults"][fault] == 3


async def test_many_mutations_keep_their_order_over_many_failures(
    sample: ConvexServer, source: Tokens
) -> None:
    """Each runs once, in the order of the calls, whatever happens in between (S2, S3)."""
    async with connected(sample.url, source) as client:
        calls = [asyncio.create_task(push(client, number)) for number in range(100)]
        for after in range(0, 100, 10):
            sample.faults.lose_reply("items:push", after=after)
        await calls[30]
        sample.faults.drop()
        await asyncio.gather(*calls)
        assert await items(client) == list(range(100))


async def test_a_cancelled_call_leaves_the_others_alone(
    sample: ConvexServer, source: Tokens
) -> None:
    """Nobody waits for it any more; what was called after it is answered."""
    async with connected(sample.url, source) as client:
        await until(client, "online")
        sample.faults.slow(200, "items:push")
        first = asyncio.create_task(push(client, 1))
        second = asyncio.create_task(push(client, 2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert 2 in await items(client)


# -- without network ------------------------------------------------------------------------


async def test_offline_mutations_wait_queries_fail_and_all_is_well_again(
    sample: ConvexServer, source: Tokens
) -> None:
    """The state says so in words, and what waited arrives once the server is back."""
    states: list[CloudState] = []
    async with connected(sample.url, source) as client:
        client.on_state(states.append)
        live = client.subscribe("items:list", {"list": "a"})
        assert await anext(live) == []
        sample.faults.offline()
        await until(client, "offline")
        waiting = [asyncio.create_task(push(client, number)) for number in range(10)]
        with pytest.raises(CloudUnreachable, match="Nothing answers"):
            await items(client)
        sample.faults.online()
        await asyncio.gather(*waiting)
        assert await anext(live) == list(range(10))
    kinds = [state.kind for state in states]
    assert [kind for kind, _ in itertools.groupby(kinds)] == [
        "online",
        "offline",
        "online",
        "closed",
    ]
    assert "can't be reached" in next(s.detail for s in states if s.kind == "offline")


async def test_a_client_may_start_without_a_server(sample: ConvexServer, source: Tokens) -> None:
    """Starting returns at once, and calls made before are done when the server is there."""
    sample.faults.offline()
    async with connected(sample.url, source) as client:
        waiting = asyncio.create_task(push(client, 1))
        await until(client, "offline")
        assert not waiting.done()
        sample.faults.online()
        await waiting
        assert await items(client) == [1]


async def test_waking_cuts_a_long_wait_short(sample: ConvexServer, source: Tokens) -> None:
    """Who knows that the network is back need not wait for the next try."""
    sample.faults.offline()
    patient = Timing(first_wait=600, longest_wait=600)
    async with connected(sample.url, source, timing=patient) as client:
        await until(client, "offline")
        sample.faults.online()
        client.wake()
        assert "Connected" in (await until(client, "online")).detail


async def test_a_silent_server_is_left_and_asked_again(
    sample: ConvexServer, source: Tokens
) -> None:
    """A connection that says nothing for too long is taken as lost; nothing is run twice."""
    timing = Timing(first_wait=0.05, longest_wait=0.1, inactivity=0.5)
    async with connected(sample.url, source, timing=timing) as client:
        await until(client, "online")
        sample.faults.slow(1200, "items:push")
        call = asyncio.create_task(push(client, 1))
        lost = await until(client, "offline")
        assert "did not answer in time" in lost.detail
        await call
        assert await items(client) == [1]


async def test_a_port_that_never_answers_is_told() -> None:
    """A handshake that hangs is given up."""
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    timing = Timing(connect=0.2, http=0.2)
    async with connected(f"http://127.0.0.1:{port}", None, timing=timing) as client:
        assert "did not answer in time" in (await until(client, "offline")).detail
        with pytest.raises(CloudUnreachable, match="did not answer in time"):
            await client.query("a:b", {})
    server.close()


async def test_what_is_not_convex_is_told() -> None:
    """A page of a proxy or of another server is not taken for an answer."""

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        status = b"404 Not Found" if b"/api/sync" in asked else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\n<p>!")
        writer.close()

    server = await asyncio.start_server(page, "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with connected(url, None) as client:
        assert "404" in (await until(client, "refused")).detail
        with pytest.raises(CloudUnreachable, match="not Convex"):
            await client.query("a:b", {})
    server.close()


@pytest.mark.parametrize(
    "url", ["", "happy-animal.convex.cloud", "ftp://a", "http://", "http://a?b"]
)
async def test_what_is_no_address_is_told_when_it_is_set(url: str) -> None:
    """A typing error in CONVEX_URL is one clear message (S14)."""
    with pytest.raises(SettingsError, match="CONVEX_URL"):
        ConvexClient(url, None)
