"""How replication is said to stand while things are on their way: the truth, and no flicker."""

from __future__ import annotations

import asyncio

import pytest
from convex_server import ConvexServer, Faults
from desks import Desk
from machines import Machine, Make, message, running, shared

from ipyclaude.replica import standing
from ipyclaude.replica.drain import Drain
from ipyclaude.testing.engines import say

pytestmark = pytest.mark.asyncio


def said(machine: Machine) -> list[str]:
    """Return what is said from now on, each time that it is another thing."""
    told = list[str]()

    def changed() -> None:
        now = machine.replica.standing().sync
        if told[-1:] != [now]:
            told.append(now)

    machine.replica.on_change(changed)
    changed()
    return told


async def test_a_turn_is_on_its_way_until_all_of_it_is_there(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its prompt to its end one thing is said, whether something waits just then or not;
    and nobody is told that all is sent before it is."""
    monkeypatch.setattr(standing, "PATIENCE", 600.0)  # however slow this machine is
    a = make("a")
    async with running(a):
        info = await shared(a)
        await a.until(lambda: a.replica.standing().sync == "synced")
        told = said(a)
        pauses = [asyncio.Event(), asyncio.Event()]
        desk = Desk(a, info, [pauses[0], *say("one"), pauses[1], *say("two", key="m2")])
        turn = asyncio.create_task(desk.ask("?"))
        await a.until(lambda: a.texts(info.client_id) == ["?"])
        await a.flushed()
        assert a.replica.standing().waiting.rows == 0
        assert a.replica.standing().sync == "sending"
        pauses[0].set()
        await a.until(lambda: "one" in a.texts(info.client_id))
        pauses[1].set()
        await turn
        await a.until(lambda: told[-1:] == ["synced"])
        assert told == ["synced", "sending", "synced"]
        assert a.replica.standing().waiting.rows == 0


async def test_what_is_written_is_said_to_be_sent_only_once_it_is(
    convex: ConvexServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow network it is on its way at once, and waits after a while."""
    monkeypatch.setattr(standing, "PATIENCE", 0.5)
    a = make("a")
    async with running(a):
        info = await shared(a)
        await a.until(lambda: a.replica.standing().sync == "synced")
        told = said(a)
        convex.faults.slow(3_000, "messages:append")
        a.store.put(message(info, "late"))
        await a.until(lambda: told[-1:] == ["waiting"])
        assert a.replica.standing().waiting.rows == 1
        await a.until(lambda: told[-1:] == ["synced"])
        assert told == ["synced", "sending", "waiting", "synced"]


async def test_failures_in_a_turn_are_no_part_of_it(
    make: Make, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server fails to take for a while waits, though the turn goes on."""
    monkeypatch.setattr(standing, "PATIENCE", 0.3)
    a = make("a")
    async with running(a):
        info = await shared(a)
        go_on = asyncio.Event()
        desk = Desk(a, info, [go_on])
        faults.error("messages:append", times=1_000)
        turn = asyncio.create_task(desk.ask("?"))
        await a.until(lambda: a.replica.standing().sync == "waiting")
        faults.clear()
        go_on.set()
        await turn
        await a.until(lambda: a.replica.standing().sync == "synced")


async def test_a_kernel_hears_of_what_another_one_sends(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel sends for all that share the store; each says when all is there."""
    monkeypatch.setattr(standing, "PATIENCE", 600.0)
    a = make("a")
    second = make("a", holder="second")
    async with running(a):
        info = await shared(a)
        async with running(second):
            await second.until(lambda: second.replica.standing().sync == "synced")
            told = said(second)
            held = asyncio.Event()
            step = Drain._step  # pyright: ignore[reportPrivateUsage]

            async def waits(drain: Drain) -> bool:
                await held.wait()
                return await step(drain)

            monkeypatch.setattr(Drain, "_step", waits)
            second.store.put(message(info, "from the second"))
            await second.until(lambda: told[-1:] == ["sending"])
            held.set()
            await second.until(lambda: told[-1:] == ["synced"])
            assert told == ["synced", "sending", "synced"]
