"""Who the Convex client is: tokens that are refused, end, fail or are not there."""

from __future__ import annotations

import logging

import pytest
from clients import Tokens, connected, items, push, until
from convex_server import ConvexServer
from tokens import MakeToken

from ipyclaude.exceptions import SignedOut
from ipyclaude.identity import Token
from ipyclaude.messages import new_id
from ipyclaude.replica._timing import Timing
from ipyclaude.replica.convex import ConvexClient

pytestmark = pytest.mark.asyncio


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
