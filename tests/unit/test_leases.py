"""A hold that comes to nothing is given back, whatever went wrong (S4, S14)."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ipyclaude.engine import EngineOptions
from ipyclaude.exceptions import StoreLocked
from ipyclaude.exchange import Question
from ipyclaude.leases import SharedLease, StoreLease, alive
from ipyclaude.messages import SessionInfo, TextBlock
from ipyclaude.permissions import Permissions
from ipyclaude.replica import CloudState
from ipyclaude.replica.lease import ServerLease
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, say
from ipyclaude.testing.stores import MemoryStore

pytestmark = pytest.mark.asyncio

INFO = SessionInfo(name="demo", cwd=".", local=False)
LOCKED = StoreLocked("The store is locked.")


class Full(MemoryStore):
    """A store in which no lease can be written."""

    def lease(self, *_: object, **__: object) -> SessionInfo | None:
        raise LOCKED


class Room:
    """A replica that has nobody to ask, and whose store is full."""

    state = CloudState("signed_out", "Nobody is signed in.", 0)

    async def note_hold(self, *_: object) -> None:
        raise LOCKED

    async def flush(self, _: str) -> None:
        return None

    def tell(self) -> None:
        return None


def _there() -> ServerLease:
    room = cast("Any", Room())
    return ServerLease(room, room, INFO.client_id, holder="1@here/x", label="here")


async def test_a_store_that_takes_no_lease_leaves_none_on_the_server() -> None:
    """A turn that could not begin holds nothing, here or there."""
    there = _there()
    lease = SharedLease(StoreLease(Full(), INFO.client_id, "1@here/x"), there)
    with pytest.raises(StoreLocked):
        await lease.take(INFO)
    assert not there.held
    await lease.settled()


async def test_a_turn_goes_on_whose_hold_could_not_be_noted() -> None:
    """What is only needed to send it later does not keep anybody from asking."""
    there = _there()
    assert await there.take("turn") is None
    assert there.held
    await there.give_back()


async def test_a_turn_that_cannot_begin_gives_its_lease_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where what a dead kernel left can't be closed, nothing is asked, and others may."""
    store = MemoryStore()
    store.put(INFO)
    session = Session(
        INFO,
        store=store,
        permissions=Permissions(store),
        make_engine=lambda _: ScriptedEngine(say("Hello")),
        options=EngineOptions(cwd=".", session_id="c"),
        lease=StoreLease(store, INFO.client_id, "1@here/x"),
    )

    def fails(_: object = None) -> None:
        raise LOCKED

    with monkeypatch.context() as patch:
        patch.setattr(session, "recover", fails)
        with pytest.raises(StoreLocked):
            await session.ask(Question(content=(TextBlock(text="hi"),)))
    assert not alive(session.refresh())
    answer = await asyncio.wait_for(session.ask(Question(content=(TextBlock(text="hi"),))), 10)
    assert answer.text == "Hello"
