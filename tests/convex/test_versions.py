"""A client and functions of two versions: nothing is written, nothing lost, nothing parked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from functions import FUNCTIONS, of_version, replace_in
from machines import Machine, exchange, message, running
from tokens import Issuer

from ipyclaude.api_version import API_VERSION
from ipyclaude.exceptions import VersionMismatch
from ipyclaude.identity.accounts import AccountsClient
from ipyclaude.messages import SessionInfo
from ipyclaude.store.replication import Replication

pytestmark = pytest.mark.asyncio

STOPPED = "messages:append"


@pytest.fixture
def server(issuer: Issuer) -> Iterator[ConvexServer]:
    """A deployment of this test alone."""
    with ConvexServer(issuer) as server:
        yield server


def appended(server: ConvexServer) -> int:
    """Return how many calls have written messages."""
    calls = server.stats()["functions"].get(STOPPED)
    return calls["calls"] - calls["errors"] if calls else 0


async def test_newer_functions_while_it_runs(server: ConvexServer, tmp_path: Path) -> None:
    """Somebody deploys newer functions, whose calls have other arguments: writing stops, and it
    says so and what to do; the outbox stays whole. Once the right ones are back all arrives."""
    server.deploy(FUNCTIONS)
    token = server.issuer.token("ada")
    a, b = (Machine(server.url, token, tmp_path / name / "s.db") for name in "ab")
    info = SessionInfo(name="one", cwd="")
    async with running(a, b):
        a.store.put(info, message(info, "before"))
        await a.flushed()
        newer = of_version(API_VERSION + 1, tmp_path)
        replace_in(
            newer / "convex/messages.ts", "    session,\n", "    session,\n    x: v.any(),\n"
        )
        server.deploy(newer)
        await a.until(lambda: a.replica.standing().sync == "refused")
        written = appended(server)
        a.store.put(*exchange(info, 1), message(info, "after"))
        a.replica.wrote()
        standing = a.replica.standing()
        assert "newer than this ipyclaude" in standing.detail
        assert "pip install --upgrade" in standing.detail
        assert (standing.waiting.rows, standing.waiting.parked) == (5, 0)
        assert appended(server) == written
        server.deploy(FUNCTIONS)
        await a.flushed()
        await a.until(lambda: a.replica.standing().sync == "synced")
        await b.opened("one")
        assert b.texts(info.client_id) == ["before", "prompt 1", "answer 1", "end 1", "after"]


async def test_older_functions_from_the_start(server: ConvexServer, tmp_path: Path) -> None:
    """With functions of before there, which would refuse an argument of ours, nothing is begun,
    and it says to deploy; then all goes up."""
    older = of_version(1, tmp_path)
    replace_in(older / "convex/messages.ts", "    knew: v.optional(", "    unnamed: v.optional(")
    server.deploy(older)
    a = Machine(server.url, server.issuer.token("ada"), tmp_path / "a/s.db")
    info = SessionInfo(name="one", cwd="")
    async with running(a):
        a.store.put(info, *exchange(info, 1))
        # Made without leave a minute ago: whether others crossed it is asked with it.
        a.replica.crossings.apart = _nothing_is_apart
        a.replica.replication.note_hold(info.client_id, "turn 1", 0)
        await a.until(lambda: a.replica.standing().sync == "refused")
        await a.until(lambda: "ipyclaude deploy" in a.replica.standing().detail)
        standing = a.replica.standing()
        assert "older than this ipyclaude" in standing.detail
        assert (standing.waiting.rows, standing.waiting.parked) == (5, 0)
        assert appended(server) == 0
        server.deploy(FUNCTIONS)
        await a.flushed()
    assert appended(server) > 0


async def _nothing_is_apart(*_: object) -> bool:
    return True


async def test_signing_in_at_functions_of_another_version(
    server: ConvexServer, tmp_path: Path
) -> None:
    """Where it is the sign-in that older functions refuse, it says the same."""
    server.deploy(of_version(1, tmp_path))
    with pytest.raises(VersionMismatch, match="ipyclaude deploy") as caught:
        await AccountsClient(server.url).sign_in("ada@example.test", "correct horse")
    assert "older than this ipyclaude" in str(caught.value)
    refused = caught.value

    def renew() -> str:
        raise refused

    a = Machine(server.url, renew, tmp_path / "a/s.db")
    async with running(a):
        await a.until(lambda: a.replica.standing().sync == "refused")
        assert "ipyclaude deploy" in a.replica.standing().detail


async def test_what_it_used_is_noted(convex: ConvexServer, tmp_path: Path) -> None:
    """Calls and bytes of the day are in the store once the replica has ended."""
    a = Machine(convex.url, convex.issuer.token("usage"), tmp_path / "a/s.db")
    info = SessionInfo(name="one", cwd="")
    async with running(a):
        a.store.put(info, message(info, "x" * 5000))
        await a.flushed()
        await a.replica.close()
        [used] = Replication(a.store).uses()
    assert used.day == time.strftime("%Y-%m-%d")
    assert (used.calls, used.bytes_up) == (a.cloud.stats.calls, a.cloud.stats.bytes_up)
    assert used.bytes_down > 0
