"""The Convex client keeps its promises over every way that a connection can fail.

Against the sample functions, where `items:push` would show a mutation that ran twice.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from clients import FAST, Tokens, connected, proxy, until
from convex_server import ConvexServer
from tokens import MakeToken

from ipyclaude.exceptions import (
    CloudError,
    CloudFault,
    CloudRefused,
    CloudUnreachable,
    SettingsError,
    SignedOut,
)
from ipyclaude.identity import Token
from ipyclaude.messages import new_id
from ipyclaude.replica import CloudState
from ipyclaude.replica._timing import Timing
from ipyclaude.replica.convex import ConvexClient

pytestmark = pytest.mark.asyncio


@pytest.fixture
def someone(make_token: MakeToken) -> Callable[[], Tokens]:
    """Make a token source of a user of this test alone."""
    name = f"u{new_id()}"
    return lambda: Tokens(make_token(name))


@pytest.fixture
def source(someone: Callable[[], Tokens]) -> Tokens:
    """A token source of a user of this test alone."""
    return someone()


async def items(client: ConvexClient) -> list[Any]:
    """Read what was pushed."""
    return await client.query("items:list", {"list": "a"})


async def push(client: ConvexClient, value: Any) -> Any:
    """Add an item; twice if it runs twice."""
    return await client.mutation("items:push", {"list": "a", "value": value})


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
    async with connected(convex.url, source, api=1) as client:
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
        sample.faults.online()
        await waiting


async def test_waking_cuts_a_long_wait_short(sample: ConvexServer, source: Tokens) -> None:
    """Who knows that the network is back need not wait for the next try."""
    sample.faults.offline()
    patient = Timing(first_wait=600, longest_wait=600)
    async with connected(sample.url, source, timing=patient) as client:
        await until(client, "offline")
        sample.faults.online()
        client.wake()
        await until(client, "online")


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


# -- who we are -----------------------------------------------------------------------------


async def test_a_refused_token_is_renewed_once_and_nothing_is_lost(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """A revoked token costs one forced refresh; calls and live queries go on (S2)."""
    name = f"u{new_id()}"
    old, new = make_token(name), make_token(name, fresh=True)
    source = Tokens(old, new)
    async with connected(sample.url, source) as client:
        live = client.subscribe("items:list", {"list": "a"})
        await anext(live)
        sample.faults.revoke(token=old)
        await push(client, 1)
        assert await items(client) == [1]
        while await anext(live) != [1]:
            pass
        assert source.asked.count(True) == 1
        assert client.state.kind == "online"


async def test_a_query_by_http_renews_a_refused_token_too(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """It is run again with the new one."""
    name = f"u{new_id()}"
    source = Tokens(make_token(name, expires_in=-60), make_token(name))
    client = ConvexClient(sample.url, source, api=None)
    assert await items(client) == []
    await client.close()


async def test_a_token_is_renewed_before_it_ends(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """The connection stays, and queries see the new identity."""
    name = f"u{new_id()}"
    source = Tokens(make_token(name, expires_in=3), make_token(name, team="new"))
    timing = Timing(least_renewal=0.1)
    sample.reset_stats()
    async with connected(sample.url, source, timing=timing) as client:
        live = client.subscribe("items:whoami", {})
        async for identity in live:
            if identity.get("team") == "new":
                break
        assert sample.stats()["socketsOpened"] == 1


async def test_signed_out_says_so_fails_what_waits_and_comes_back(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """A second refusal is final until somebody signs in; live queries wait for that."""
    name = f"u{new_id()}"
    source = Tokens(make_token(name))
    async with connected(sample.url, source) as client:
        live = client.subscribe("items:list", {"list": "a"})
        await anext(live)
        sample.faults.revoke(subject=name)
        with pytest.raises(SignedOut):
            await push(client, 1)
        state = await until(client, "signed_out")
        assert "refused your token" in state.detail
        with pytest.raises(SignedOut):
            await push(client, 1)
        with pytest.raises(SignedOut):
            await items(client)
        sample.faults.clear()
        client.wake()
        await until(client, "online")
        await push(client, 2)
        while await anext(live) != [2]:
            pass


async def test_nobody_signed_in_is_a_state_not_a_hang(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """No token means signed out; signing in needs no restart."""
    source = Tokens(None)
    async with connected(sample.url, source) as client:
        assert (await until(client, "signed_out")).detail == "Nobody is signed in here."
        with pytest.raises(SignedOut):
            await push(client, 1)
        source.texts[0] = make_token(f"u{new_id()}")
        client.wake()
        await until(client, "online")
        await push(client, 1)


async def test_a_token_source_that_fails_is_offline_not_signed_out(
    sample: ConvexServer, source: Tokens
) -> None:
    """Its error's text stays out of sight: it may hold what it must not show (S6)."""

    class Broken:
        async def token(self, force_refresh: bool) -> Token | None:
            raise RuntimeError("secret-in-an-error")

    async with connected(sample.url, Broken()) as client:
        state = await until(client, "offline")
        assert "RuntimeError" in state.detail
        assert "secret-in-an-error" not in state.detail


async def test_a_token_is_in_no_log_state_or_error(
    sample: ConvexServer, make_token: MakeToken, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is logged, at whatever level, has neither tokens nor files' addresses (S6)."""
    name = f"u{new_id()}"
    source = Tokens(make_token(name), make_token(name, fresh=True))
    seen: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with connected(sample.url, source) as client:
            client.on_state(seen.append)
            storage_id = await client.upload(b"x", "text/plain")
            url = await client.query("files:url", {"storageId": storage_id})
            await client.download(url)
            sample.faults.revoke(subject=name)
            with pytest.raises(SignedOut) as caught:
                await push(client, 1)
            seen += [repr(client), repr(vars(client)), repr(caught.value), caught.getrepr()]
    shown = f"{seen} {caplog.text} {[record.args for record in caplog.records]}"
    for text in [*source.texts, make_token(name), url]:
        assert text is not None
        assert text.rsplit("/")[-1].rsplit(".")[-1] not in shown


# -- large, slow, through a proxy -----------------------------------------------------------


@pytest.fixture(scope="module")
def chunking(sample_session: ConvexServer) -> Any:
    """A deployment that sends every larger transition in parts."""
    from convex_server import SERVER

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
