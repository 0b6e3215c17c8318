"""Sending what is only here: the bar moves, it ends, and what is refused can be settled."""

from __future__ import annotations

import asyncio

import pytest
from convex_server import ConvexServer
from machines import Machine, Make, message, running

from ipyclaude import sending
from ipyclaude.messages import SessionInfo, new_id
from ipyclaude.replica.people import Writer, writer
from ipyclaude.sending import send

pytestmark = pytest.mark.asyncio


def ignore(done: int, total: int) -> None:
    """Show nothing of it."""


def there(machine: Machine, count: int) -> SessionInfo:
    """Make a session that was only here, and is to be sent now."""
    info = SessionInfo(name="n", cwd="", local=True)
    machine.store.put(info, *(message(info, f"message {n}") for n in range(count)))
    assert machine.store.outbox() == []
    machine.store.put(info.model_copy(update={"local": False}))
    return info


async def test_the_bar_moves_to_its_end(make: Make) -> None:
    """A long session is told change by change that has arrived, and nothing is left then."""
    a, b = make("a"), make("b")
    told: list[tuple[int, int]] = []
    async with running(a, b):
        info = there(a, 600)

        def note(done: int, total: int) -> None:
            told.append((done, total))

        standing, left = await send(a.replica, [info.client_id], note)
        assert (left, standing.waiting.parked) == (0, 0)
        await b.opened("n")
        assert len(b.messages(info.client_id)) == 600
    assert told[-1] == (601, 601)
    assert len({done for done, _ in told}) > 2
    assert told == sorted(told)


async def test_what_is_refused_ends_it(make: Make) -> None:
    """A change that the server refuses is left over with its reason; the others arrive. Trying
    again refuses it again, giving it up leaves it here and nothing waits."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = there(a, 2)
        a.store.put(message(info, "x", turn_id="x" * 2_000_000), message(info, "last"))
        standing, left = await send(a.replica, None, ignore)
        assert (left, standing.waiting.parked, standing.sync) == (0, 1, "refused")
        [row] = a.replica.parked()
        assert row.parked
        assert a.replica.retry() == 1
        standing, _ = await send(a.replica, None, ignore)
        assert standing.waiting.parked == 1
        assert a.replica.drop(info.client_id) == 1
        standing, _ = await send(a.replica, None, ignore)
        assert standing.sync == "synced"
        await b.opened("n")
        assert b.texts(info.client_id) == ["message 0", "message 1", "last"]
        assert "x" in a.texts(info.client_id)


async def test_nobody_waits_for_ever(
    make: Make, convex: ConvexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without network it ends after a while, and what waits goes once there is one."""
    monkeypatch.setattr(sending, "PATIENCE", 0.5)
    a = make("a")
    async with running(a):
        await a.until(lambda: a.replica.standing().sync == "synced")
        convex.faults.offline()
        await a.until(lambda: a.replica.standing().sync == "offline")
        info = there(a, 3)
        standing, left = await asyncio.wait_for(send(a.replica, None, ignore), 10)
        assert (standing.sync, left) == ("offline", 4)
        convex.faults.online()
        _, left = await asyncio.wait_for(send(a.replica, [info.client_id], ignore), 20)
        assert left == 0


async def test_who_writes(make: Make) -> None:
    """Another's hold on a session is told with its name; ours is not, nor one that is over."""
    a = make("a")
    async with running(a):
        info = SessionInfo(name="n", cwd="")
        a.store.put(info)
        await a.flushed()
        lease = {"session": info.client_id, "holder": "k", "label": "lab-b", "ttlMs": 60_000.0}
        got = await a.cloud.mutation("sessions:acquireLease", lease)
        now = got["now"]
        found = await writer(a.cloud, info.client_id, holder="me", now=now)
        assert found == Writer("lab-b", got["lease"]["since"])
        assert await writer(a.cloud, info.client_id, holder="k", now=now) is None
        assert await writer(a.cloud, info.client_id, holder="me", now=now + 61_000) is None
        assert await writer(a.cloud, new_id(), holder="me", now=now) is None
