"""One writer at a time among servers (S4): who is second is told, may wait, and loses nothing."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from convex_server import ConvexServer
from desks import Desk
from machines import Machine, Make, message, running, shared

from ipyclaude.exceptions import SessionBusy
from ipyclaude.leases import SharedLease, StoreLease
from ipyclaude.messages import SessionInfo
from ipyclaude.testing.engines import say

pytestmark = pytest.mark.asyncio


async def test_a_second_server_sees_who_works_and_since_when(make: Make) -> None:
    """It is refused before anything is written, and has the session once the turn is over."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        go_on = asyncio.Event()
        first = Desk(a, info, [*say("one"), go_on])
        second = Desk(b, info, say("two"))
        turn = asyncio.create_task(first.ask("?"))
        await b.until(lambda: (b.store.session("one") or info).holder is not None)
        with pytest.raises(SessionBusy, match="a is working in session 'one'") as caught:
            await second.ask("?")
        assert "It has held it since" in caught.value.why
        assert "%claude_session wait" in caught.value.fix
        assert second.engine.asked == []
        go_on.set()
        assert (await turn).error is None
        await b.until(lambda: (b.store.session("one") or info).holder is None)
        assert (await second.ask("?")).text == "two"


async def test_a_turn_comes_after_all_that_was_written_before_it(make: Make) -> None:
    """What the last holder wrote is here before the next one asks (S3)."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        desks = [Desk(a, info, *[say(f"a{n}") for n in range(5)])]
        desks.append(Desk(b, info, *[say(f"b{n}") for n in range(5)]))
        for number, desk in itertools.product(range(5), desks):
            await asked_when_free(desk, f"{desk.label}{number}?")
        wanted = [
            text for n in range(5) for who in "ab" for text in (f"{who}{n}?", f"{who}{n}", "")
        ]
        await a.flushed()
        await b.flushed()
        await a.until(lambda: a.texts(info.client_id) == wanted)
        await b.until(lambda: b.texts(info.client_id) == wanted)


async def asked_when_free(desk: Desk, text: str) -> None:
    """Ask as soon as nobody else works in the session."""
    for _ in range(6_000):
        try:
            await desk.ask(text)
        except SessionBusy:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail("the session never came free")


async def test_a_dead_server_is_taken_over_once_its_time_is_over(make: Make) -> None:
    """It gives nothing back; its lease ends by itself, and not before."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        dead = Desk(a, info, lease_ms=1000)
        assert await dead.there.take() is None
        second = Desk(b, info, say("two"))
        with pytest.raises(SessionBusy):
            await second.ask("?")
        await asked_when_free(second, "?")
        assert second.session.turn is not None
        assert second.session.turn.status == "done"


async def test_without_network_a_turn_goes_on_and_says_so(convex: ConvexServer, make: Make) -> None:
    """The hold that the store gives is enough; what is written is sent later."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        go_on = asyncio.Event()
        desk = Desk(a, info, [*say("one"), go_on], say("two"))
        company = a.replica.company
        convex.faults.offline()
        await a.until(lambda: a.cloud.state.kind == "offline")
        turn = asyncio.create_task(desk.ask("?"))
        await a.until(lambda: "can't be reached" in company.alone(info.client_id, now=True))
        go_on.set()
        assert (await turn).text == "one"
        assert company.alone(info.client_id, now=True) == ""
        assert "can't be reached" in company.alone(info.client_id)
        convex.faults.online()
        await a.until(lambda: a.cloud.state.kind == "online")
        assert (await desk.ask("?")).text == "two"
        assert company.alone(info.client_id) == ""
        await a.flushed()
        await b.until(lambda: b.texts(info.client_id) == ["?", "one", "", "?", "two", ""])


async def test_a_lease_that_was_lost_keeps_the_answer_and_says_so(make: Make) -> None:
    """The turn ends with what it had, and the other server's turn is whole."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        never = asyncio.Event()
        late = Desk(a, info, [*say("half of it"), never], lease_ms=1000, heartbeat=2.0)
        go_on = asyncio.Event()
        second = Desk(b, info, [*say("two"), go_on])
        turn = asyncio.create_task(late.ask("long?"))
        await b.until(lambda: b.texts(info.client_id)[:1] == ["long?"])
        taking = asyncio.create_task(asked_when_free(second, "short?"))
        answer = await turn
        go_on.set()
        await taking
        assert isinstance(answer.error, SessionBusy)
        assert "b took session 'one' over" in answer.error.what
        assert "%claude_session open one-fork" in answer.error.fix
        assert "half of it" in [m.text for m in answer.messages]
        assert len(late.rescued) == 1
        await a.flushed()
        for machine in (a, b):
            await machine.until(lambda m=machine: "half of it" in m.texts(info.client_id))
            await machine.until(lambda m=machine: "two" in m.texts(info.client_id))


async def test_a_lease_that_another_had_between_two_heartbeats_is_noticed(make: Make) -> None:
    """The turn goes on to its end, since it has the lease again; but its answer is copied without
    what the other wrote, as Claude did not know of that, and it says so."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        go_on = asyncio.Event()
        first = Desk(a, info, [*say("one"), go_on], say("three"), lease_ms=60_000, heartbeat=0.5)
        turn = asyncio.create_task(first.ask("long?"))
        await b.until(lambda: b.texts(info.client_id)[:1] == ["long?"])
        lapse = {"session": info.client_id, "holder": a.holder}
        await b.cloud.mutation("sessions:releaseLease", lapse)  # as where its time was over
        theirs = (await Desk(b, info, say("two")).ask("short?")).turn.turn_id
        await a.until(lambda: first.there.crossed)
        go_on.set()
        answer = await turn
        assert answer.error is None
        assert answer.text.startswith("one")
        assert first.rescued == [{theirs}]
        told = [block for m in answer.messages for block in m.content if block.type == "notice"]
        assert [each.fix for each in told] == [
            "To go on from this answer: %claude_session open one-fork"
        ]
        assert (await first.ask("?")).text == "three"
        assert len(first.rescued) == 1


async def test_a_lease_that_ran_out_with_nobody_there_stays(make: Make) -> None:
    """Nobody else wrote, so nothing is copied."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        go_on = asyncio.Event()
        desk = Desk(a, info, [*say("one"), go_on], lease_ms=60_000, heartbeat=0.2)
        turn = asyncio.create_task(desk.ask("?"))
        await b.until(lambda: (b.store.session("one") or info).holder is not None)
        lapse = {"session": info.client_id, "holder": a.holder}
        await b.cloud.mutation("sessions:releaseLease", lapse)
        await a.until(lambda: desk.there.crossed)
        go_on.set()
        assert (await turn).text == "one"
        assert desk.rescued == []


async def test_a_killed_kernel_is_not_waited_for(make: Make) -> None:
    """What it held is given back in its name by the next kernel of its machine, and by no other."""
    gone = "1@here/1/machine/killed"
    a = make("a", dead_here=gone.__eq__)
    b = make("b")
    async with running(a, b):
        info = await shared(a, b)
        wish = {"session": info.client_id, "holder": gone, "label": "a", "ttlMs": 60_000}
        await a.cloud.mutation("sessions:acquireLease", wish)
        with pytest.raises(SessionBusy):
            await Desk(b, info, say("two")).ask("?")
        assert (await Desk(a, info, say("one")).ask("?")).text == "one"


async def test_a_session_that_the_server_does_not_know_yet_is_free(make: Make) -> None:
    """The first turn of a new session doesn't wait for its row to arrive."""
    a = make("a")
    async with running(a):
        info = SessionInfo(name="new", cwd="")
        a.store.put(info)
        a.replica.open(info)
        assert (await Desk(a, info, say("one")).ask("?")).text == "one"


async def test_a_session_that_was_sent_while_open_is_held_there_too(
    convex: ConvexServer, make: Make
) -> None:
    """From its next turn on; a turn of one that is only here asks nobody."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = SessionInfo(name="one", cwd="", local=True)
        a.store.put(info)
        go_on = asyncio.Event()
        desk = Desk(a, info, say("one"), [*say("two"), go_on])
        convex.reset_stats()
        assert (await desk.ask("?")).text == "one"
        assert "sessions:acquireLease" not in convex.stats()["functions"]
        a.store.put(sent := info.model_copy(update={"local": False}))
        a.replica.open(sent)
        await a.flushed()
        await b.opened("one")
        turn = asyncio.create_task(desk.ask("?"))
        await b.until(lambda: (b.store.session("one") or info).holder is not None)
        go_on.set()
        assert (await turn).text == "two"


async def test_kernels_of_one_store_keep_their_own_order(make: Make) -> None:
    """A second kernel of the same machine is refused by the store, with nothing left behind."""
    a, b = make("a"), make("b")
    async with running(a, b):
        info = await shared(a, b)
        assert a.store.lease(info.client_id, "2@elsewhere/x", 1e15) is not None
        desk = Desk(a, info, say("one"))
        with pytest.raises(SessionBusy, match="2 on elsewhere"):
            await desk.ask("?")
        other = Desk(b, info, say("two"))
        await asked_when_free(other, "?")


async def test_two_writers_race_five_hundred_times(convex: ConvexServer, make: Make) -> None:
    """Only one of them has the session at any time, always (S4), replies being lost meanwhile."""
    machines = [make("a"), make("b")]
    async with running(*machines):
        info = await shared(*machines)
        inside: list[str] = []
        wins = itertools.count(1)
        for after in range(0, 1500, 40):
            convex.faults.lose_reply("sessions:acquireLease", after=after)
            convex.faults.lose_reply("sessions:releaseLease", after=after)

        async def write(machine: Machine) -> int:
            name = machine.replica.company.label
            lease = SharedLease(
                StoreLease(machine.store, info.client_id, name),
                machine.replica.company.lease(info.client_id),
            )
            won = 0
            while True:
                try:
                    await lease.take(info)
                except SessionBusy:
                    await asyncio.sleep(0.001)
                    continue
                inside.append(name)
                assert inside == [name]
                if (number := next(wins)) % 50 == 0:
                    machine.store.put(message(info, str(number)))
                await asyncio.sleep(0)
                assert inside == [name]
                inside.clear()
                won += 1
                await lease.give_back()
                await lease.settled()
                if number >= 500:
                    return won

        writers = [asyncio.create_task(write(machine)) for machine in machines]
        try:
            won = await asyncio.gather(*writers)
        finally:
            for writer in writers:
                writer.cancel()
        assert sum(won) in (500, 501)
        assert min(won) > 0
