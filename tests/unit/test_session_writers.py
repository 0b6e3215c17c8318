"""A session has one writer at a time; what a dead one left open is closed."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest
from session_bench import SID, Bench, question, run

from ipyclaude.exceptions import SessionBusy
from ipyclaude.exchange import Answer
from ipyclaude.holders import dead, dead_here, machine, make_holder
from ipyclaude.leases import alive, until_free
from ipyclaude.messages import Message, ResultBlock, SessionInfo, StreamTail, TextBlock, now_ms
from ipyclaude.testing.engines import say
from ipyclaude.testing.stores import MemoryStore


def test_a_second_turn_waits_for_the_first() -> None:
    """Asking while a turn runs is one clear refusal."""

    async def work() -> Answer:
        go = asyncio.Event()
        bench = Bench([go, *say("one")])
        first = asyncio.ensure_future(bench.session.ask(question()))
        await asyncio.sleep(0)
        with pytest.raises(SessionBusy, match="still working"):
            await bench.session.ask(question("two"))
        go.set()
        return await first

    run(work)


def test_another_holder_is_named_and_waited_for() -> None:
    """A session that another kernel works in is refused with who holds it (S4)."""

    async def work() -> Answer:
        bench = Bench(say("one"))
        bench.store.lease(SID, "7@elsewhere/y", now_ms() + 60_000)
        with pytest.raises(SessionBusy, match="7 on elsewhere"):
            await bench.session.ask(question())
        bench.store.lease(SID, "7@elsewhere/y", None)
        return await bench.session.ask(question())

    assert run(work).text == "one"


def test_a_dead_process_of_this_host_is_not_waited_for() -> None:
    """A killed kernel's lease does not hold for its whole time (S4)."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    info = SessionInfo(
        name="x",
        cwd=".",
        holder=f"{ended.pid}@{socket.gethostname()}/x",
        holder_expires_at=now_ms() + 60_000,
    )
    assert not alive(info)
    assert alive(info.model_copy(update={"holder": "1@elsewhere/x"}))


def test_a_kernel_of_another_machine_is_never_known_to_be_dead() -> None:
    """Hosts may share a name, so a holder says which machine it is of; what doesn't is believed
    only where all kernels are of one machine (S4)."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    where = f"{ended.pid}@{socket.gethostname()}"
    assert dead_here(f"{where}/1/{machine()}/x")
    assert not dead(f"{where}/1/another/x")
    assert dead(f"{where}/x")
    assert not dead_here(f"{where}/x")
    assert not dead_here(f"{where}/1//x")
    assert not dead_here(make_holder())


@pytest.mark.asyncio
async def test_a_busy_session_can_be_waited_for() -> None:
    """Waiting ends when the other kernel gives the session back, and at once where it is free."""
    store = MemoryStore()
    store.put(SessionInfo(client_id=SID, name="demo", cwd="."))
    await until_free(store, SID)
    store.lease(SID, "7@elsewhere/y", now_ms() + 60_000)
    waiting = asyncio.ensure_future(until_free(store, SID))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    store.lease(SID, "7@elsewhere/y", None)
    await asyncio.wait_for(waiting, 5)
    await until_free(store, "not here")


def test_what_a_dead_kernel_left_is_closed_before_the_next_turn() -> None:
    """Pieces become a message, a notice says why, a result ends the turn; nothing twice (S1)."""

    async def work() -> Answer:
        store = MemoryStore()
        bench = Bench(say("first"), say("second"), store=store)
        await bench.session.ask(question())
        turn = "t-dead"
        store.lease(SID, "dead@elsewhere/x", now_ms() - 1)
        store.put(
            StreamTail(session_id=SID, turn_id=turn, message_id="m9", block=TextBlock(text="par")),
            StreamTail(
                session_id=SID, turn_id=turn, message_id="m9", start=3, block=TextBlock(text="tial")
            ),
        )
        answer = await bench.session.ask(question("go on"))
        kinds = [m for m in bench.messages() if m[0] in ("assistant", "system")]
        assert kinds == [
            ("assistant", "first"),
            ("assistant", "partial"),
            ("system", ""),
            ("assistant", "second"),
        ]
        assert store.tails(SID) == []
        outcomes = [
            b.outcome
            for m in store.messages(SID).messages
            for b in m.content
            if isinstance(b, ResultBlock)
        ]
        assert outcomes == ["done", "failed", "done"]
        return answer

    run(work)


def test_another_servers_turn_is_left_open() -> None:
    """A turn whose lease was given back runs, or ended, elsewhere: its end is on its way (S4)."""

    async def work() -> Answer:
        store = MemoryStore()
        bench = Bench(say("mine"), store=store)
        theirs = Message(session_id=SID, type="user", turn_id="t-theirs")
        store.put(theirs)
        answer = await bench.session.ask(question())
        assert [m for m in bench.messages() if m[0] == "system"] == []
        assert store.messages(SID, turn_id="t-theirs").messages == (theirs,)
        return answer

    run(work)
