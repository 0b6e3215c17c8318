"""What is written on one machine is on the others: whole, once, in one order, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from convex_server import ConvexServer
from machines import Machine, Make, exchange, message, running, todo_list
from tokens import MakeToken

from ipyclaude.messages import (
    Approval,
    Message,
    Phase,
    SessionInfo,
    TextBlock,
    TodoList,
    new_id,
)

pytestmark = pytest.mark.asyncio


async def test_all_of_a_session_is_there(make: Make) -> None:
    """Messages, to-dos, approvals and the row itself are equal on a machine that had nothing."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="/home/ada/work", model="opus", title="A title", origin="x")
    rows = [
        message(info, "hello", prompt_hash="h", cell_id="c", turn_id="t"),
        message(info, "hi", type="assistant", model="opus", uuid="u", turn_id="t"),
        message(info, "", type="result", cost=0.25, turn_id="t"),
    ]
    asked = Approval(
        session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash", input={"$a": 1}
    )
    async with running(a, b):
        a.store.put(info, *rows, todo_list(info, "one", "two"), asked)
        await a.flushed()
        await b.opened("one")
        await b.until(lambda: b.store.todos(info.client_id).todos)
        await b.until(lambda: b.store.approvals(info.client_id))
        assert b.messages(info.client_id) == a.messages(info.client_id)
        assert [m.seq for m in b.messages(info.client_id)] == [1, 2, 3]
        assert b.store.todos(info.client_id) == a.store.todos(info.client_id)
        assert b.store.approvals(info.client_id) == [asked]
        await a.until(lambda: a.store.session("one") == b.store.session("one"))
        there = b.store.session("one")
        assert there is not None
        assert (there.message_count, there.cost_usd) == (3, 0.25)
        assert b.store.outbox() == []


async def test_both_ways_while_open(make: Make) -> None:
    """A session that is open on two machines is the same on both after each write (S3)."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a, b):
        a.store.put(info)
        a.replica.open(info)
        await b.opened("one")
        for number in range(6):
            writer, reader = (a, b) if number % 2 else (b, a)
            todos = todo_list(info, str(number))
            writer.store.put(message(info, str(number)), todos)
            await reader.shows(info.client_id, str(number))
            await reader.until(partial(_has, reader, todos))
        await a.flushed()
        await b.flushed()
        await a.until(lambda: [m.seq for m in a.messages(info.client_id)] == [1, 2, 3, 4, 5, 6])
        assert a.texts(info.client_id) == b.texts(info.client_id) == list("012345")


def _has(machine: Machine, todos: TodoList) -> bool:
    return machine.store.todos(todos.session_id) == todos


async def test_deleted_everywhere(make: Make) -> None:
    """A session that is deleted on one machine goes on the other, with all it has."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a, b):
        a.store.put(info, message(info, "secret"))
        await a.flushed()
        await b.opened("one")
        b.store.delete_session(info.client_id)
        await a.until(lambda: a.store.session("one") is None)
        assert a.messages(info.client_id) == []


async def test_local_stays_here(make: Make) -> None:
    """A local session is on no other machine, until it is sent: then all of it is."""
    a, b = make("a"), make("b")
    local = SessionInfo(name="local", cwd="", local=True)
    other = SessionInfo(name="other", cwd="")
    async with running(a, b):
        a.store.put(local, *(message(local, str(n)) for n in range(30)), other)
        await a.flushed()
        await b.until(lambda: b.store.session("other"))
        assert b.store.session("local") is None
        a.store.put(local.model_copy(update={"local": False}))
        await a.flushed()
        await b.opened("local")
        assert b.texts(local.client_id) == [str(n) for n in range(30)]


async def test_what_is_refused_is_parked(make: Make) -> None:
    """A message that the server refuses is parked with the reason; those around it arrive."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    rows = [message(info, str(n)) for n in range(9)]
    long = message(info, "too much", turn_id="x" * 2_000_000)
    async with running(a, b):
        a.store.put(info, *rows[:5], long, *rows[5:], todo_list(info, "still"))
        await a.flushed()
        parked = a.store.outbox(parked=True)
        assert [row.client_id for row in parked] == [long.client_id]
        assert "bytes" in (parked[0].parked or "")
        assert a.replica.standing().sync == "refused"
        await b.opened("one")
        assert b.texts(info.client_id) == [str(n) for n in range(9)]
        await b.until(lambda: b.store.todos(info.client_id).todos)
        assert a.replica.retry() == 1
        await a.flushed()
        assert len(a.store.outbox(parked=True)) == 1
        assert a.replica.drop() == 1
        assert a.replica.standing().sync == "synced"
        assert "too much" in a.texts(info.client_id)


async def test_nothing_is_lost_to_a_deletion(make: Make) -> None:
    """What was written offline into a session deleted elsewhere is kept, and it is said (S14)."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a, b):
        a.store.put(info)
        await a.flushed()
        await b.opened("one")
        await a.replica.close()
        a.store.put(message(info, "offline"))
        b.store.delete_session(info.client_id)
        await b.flushed()
    a = make("a")
    async with running(a):
        await a.until(lambda: a.replica.standing().sync == "refused")
        assert a.texts(info.client_id) == ["offline"]
        assert "somebody deleted it" in a.replica.standing().detail


async def test_changes_of_a_session_meet(make: Make) -> None:
    """What two machines change in a session's row meets, although one of them was offline."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(b):
        async with running(a):
            a.store.put(info)
            await a.flushed()
            await b.opened("one")
        a = make("a")
        a.store.put(info.model_copy(update={"title": "of a", "last_activity_at": 5.0}))
        b.store.put(info.model_copy(update={"name": "of b", "model": "opus"}))
        await b.flushed()
        async with running(a):
            for machine in (a, b):
                await machine.until(_stands(machine, info))


def _stands(machine: Machine, info: SessionInfo) -> Callable[[], bool]:
    def stands() -> bool:
        now = machine.store.session("of b")
        met = {"name": "of b", "model": "opus", "title": "of a"}
        # Where it was last active is of no account here.
        return now is not None and now == info.model_copy(update={**met, "server": now.server})

    return stands


async def test_one_kernel_sends_for_all(make: Make, convex: ConvexServer) -> None:
    """Of two kernels on one store file one sends; when it ends, the other goes on."""
    first, second = make("a", holder="first"), make("a", holder="second")
    info = SessionInfo(name="one", cwd="")
    async with running(first, second):
        first.store.put(info)
        await first.flushed()
        convex.reset_stats()
        second.store.put(message(info, "one"))
        await second.until(lambda: not second.store.outbox())
        assert convex.stats()["functions"]["messages:append"]["calls"] == 1
        await first.replica.close()
        second.store.put(message(info, "two"))
        await second.until(lambda: not second.store.outbox())
        assert [m.seq for m in second.messages(info.client_id)] == [1, 2]


async def test_a_long_session_opens_by_its_end(make: Make) -> None:
    """The newest messages are there first; older ones are fetched when asked for, then all."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    rows = [message(info, str(n)) for n in range(700)]
    async with running(a, b):
        a.store.put(info, *rows)
        await a.flushed()
        # The list tells of the first batch before it tells of the rest.
        await b.until(lambda: (s := b.store.session("one")) and s.message_count == 700)
        tail = b.replica.open(info)
        assert tail is not None
        assert await b.replica.ready(info.client_id)
        page = b.store.messages(info.client_id, limit=50)
        assert [m.text for m in page.messages] == [str(n) for n in range(650, 700)]
        assert page.more
        await b.replica.older(info.client_id, page.messages[0].client_id, 500)
        assert b.texts(info.client_id)[-550:] == [str(n) for n in range(150, 700)]
        assert await b.replica.whole(info.client_id)
        assert b.texts(info.client_id) == [str(n) for n in range(700)]
        found = b.store.session("one")
        assert found is not None
        assert found.message_count == 700


async def test_a_gap_is_filled(make: Make) -> None:
    """A machine that was away for long gets the newest first, and then what lies between."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a):
        a.store.put(info, *(message(info, str(n)) for n in range(5)))
        await a.flushed()
        async with running(b):
            await b.opened("one")
        a.store.put(*(message(info, str(n)) for n in range(5, 400)))
        await a.flushed()
        b = make("b")
        async with running(b):
            await b.opened("one")
            await b.until(lambda: len(b.texts(info.client_id)) == 400)
            assert b.texts(info.client_id) == [str(n) for n in range(400)]


async def test_few_calls_an_exchange(make: Make, convex: ConvexServer) -> None:
    """An exchange that nobody watches is two calls, however many writes it has."""
    a = make("a")
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    busy = info.model_copy(update={"phase": Phase(type="running")})
    key: Any = {"project_key": "p", "session_id": "c"}
    async with running(a):
        a.store.put(info)
        await a.flushed()
        convex.reset_stats()
        a.store.put(message(info, "prompt", turn_id="t"), busy)
        await a.until(lambda: not a.store.outbox())
        for number in range(20):
            a.store.put(message(info, str(number), turn_id="t"), todo_list(info, str(number)))
            await a.transcripts.append(key, [{"type": "user", "uuid": str(number)}])
        end = Message(session_id=info.client_id, type="result", turn_id="t")
        a.store.put(end, info)
        await a.until(lambda: not a.store.outbox())
        calls = {name: row["calls"] for name, row in convex.stats()["functions"].items()}
        assert calls.get("messages:append") == 2, calls


async def test_a_new_message_makes_a_watcher_read_little(make: Make, convex: ConvexServer) -> None:
    """However long a session is, a new message makes a watcher read 50 documents at most."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a, b):
        a.store.put(info, *(message(info, str(n)) for n in range(300)))
        await a.flushed()
        await b.opened("one")
        most = 0
        for number in range(50):
            convex.reset_stats()
            a.store.put(message(info, f"new {number}"))
            await b.shows(info.client_id, f"new {number}")
            stats = convex.stats()["functions"]
            most = max(most, stats["messages:after"]["maxDocumentsRead"])
        assert most <= 50


async def test_transcripts_read_through(make: Make) -> None:
    """Claude's memory of a session is fetched where it isn't, and goes on there."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    here: Any = {"project_key": "-home-ada", "session_id": "c"}
    there: Any = {"project_key": "-srv-bob", "session_id": "c"}
    sub: Any = {**here, "subpath": "subagents/agent-1"}
    sub_there: Any = {**there, "subpath": "subagents/agent-1"}
    entries: list[Any] = [{"type": "user", "uuid": str(n), "$x": "\ud800"} for n in range(3)]
    async with running(a, b):
        a.store.put(info)
        await a.transcripts.append(here, entries)
        await a.transcripts.append(sub, entries[:1])
        await a.flushed()
        await b.opened("one")
        assert await b.transcripts.load(there) == entries
        assert await b.transcripts.list_subkeys(there) == ["subagents/agent-1"]
        assert await b.transcripts.load(sub_there) == entries[:1]
        more: Any = {"type": "user", "uuid": "9", "parentUuid": "2"}
        await b.transcripts.append(there, [more])
        await b.flushed()
        assert await a.transcripts.fetch("c")
        assert await a.transcripts.load(here) == [*entries, more]


async def test_transcripts_that_stay_here(make: Make) -> None:
    """With `replicate_transcripts` off the messages go, and Claude's own memory does not, until
    the setting is turned on: then all of it does."""
    a, b = make("a", replicate_transcripts=False), make("b")
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    key: Any = {"project_key": "p", "session_id": "c"}
    async with running(a, b):
        a.store.put(info, message(info, "hello"))
        await a.transcripts.append(key, [{"type": "user", "uuid": "1"}])
        await a.flushed()
        assert a.replica.standing().sync == "synced"
        await b.opened("one")
        assert b.texts(info.client_id) == ["hello"]
        assert await b.transcripts.load(key) is None
    a, b = make("a"), make("b")
    async with running(a, b):
        await a.flushed()
        assert await b.transcripts.fetch("c")
        assert await b.transcripts.load(key) == [{"type": "user", "uuid": "1"}]


async def test_another_account(make: Make, make_token: MakeToken) -> None:
    """A store file is never sent to a second account by itself (S5)."""
    info = SessionInfo(name="one", cwd="")
    a = make("a")
    async with running(a):
        a.store.put(info)
        await a.flushed()
    eve = make("a", token=make_token(f"eve-{new_id()}"))
    async with running(eve):
        eve.store.put(message(info, "of ada"))
        await eve.until(lambda: eve.replica.standing().sync == "refused")
        assert "another account" in eve.replica.standing().detail
        assert len(eve.store.outbox()) == 1


async def test_nothing_is_left_behind(make: Make) -> None:
    """A closed replica leaves no task, and what it had not sent is in the outbox (S9)."""
    a = make("a")
    before = asyncio.all_tasks()
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    async with running(a):
        a.store.put(info, *exchange(info, 1))
        a.replica.open(info)
        await a.flushed()
    assert asyncio.all_tasks() == before


async def test_content_comes_back_equal(make: Make) -> None:
    """Short text goes readable, what is longer packed, what is large as a file: all come back."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="sizes", cwd="")
    sizes = [0, 10, 1000, 5000, 100_000, 3_000_000]
    rows = [message(info, "é" * size) for size in sizes]
    rows.append(message(info, "x", content=tuple(TextBlock(text=str(n)) for n in range(9000))))
    async with running(a, b):
        a.store.put(info, *rows)
        await a.flushed()
        await b.opened("sizes")
        assert b.messages(info.client_id) == a.messages(info.client_id)
