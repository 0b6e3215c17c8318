"""No network: what is written waits, on disk, and arrives once and in order when it is back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer, Faults
from machines import Machine, Make, exchange, message, running

from ipyclaude.messages import Message, SessionInfo, TodoList
from ipyclaude.store.sqlite import SqliteStore

pytestmark = pytest.mark.asyncio

EXCHANGES = 50


def texts_of(exchanges: int) -> list[str]:
    """Return what that many exchanges say, in order."""
    return [f"{word} {n}" for n in range(exchanges) for word in ("prompt", "answer", "end")]


async def arrived(convex: ConvexServer, reader: Machine, sent: list[Message]) -> None:
    """See that all of these are on the reader, once and in order, and that each was sent once."""
    info = await reader.opened("one")
    assert [m.client_id for m in reader.messages(info.client_id)] == [m.client_id for m in sent]
    assert [m.seq for m in reader.messages(info.client_id)] == list(range(1, len(sent) + 1))
    assert reader.texts(info.client_id) == texts_of(len(sent) // 3)
    last = f"next {len(sent) // 3 - 1}"
    await reader.until(lambda: _last_todo(reader.store.todos(info.client_id)) == last)
    written = convex.stats()["functions"]["messages:append"]
    assert written["calls"] <= 3 + len(sent) / 100


def _last_todo(todos: TodoList) -> str:
    return todos.todos[-1].content if todos.todos else ""


async def test_fifty_exchanges_offline(make: Make, convex: ConvexServer, faults: Faults) -> None:
    """Fifty exchanges that were made without network arrive once, in order, in few calls."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    sent: list[Message] = []
    async with running(a, b):
        a.store.put(info, *exchange(info, 0))
        await a.flushed()
        faults.offline()
        await a.until(lambda: a.replica.standing().sync == "offline")
        convex.reset_stats()
        for number in range(1, EXCHANGES):
            for value in exchange(info, number):
                a.store.put(value)
        standing = a.replica.standing()
        assert standing.waiting.rows == (EXCHANGES - 1) * 3 + 1
        assert standing.waiting.since is not None
        assert b.texts(info.client_id) == []
        faults.online()
        await a.flushed()
        assert a.replica.standing().sync == "synced"
        sent = a.messages(info.client_id)
        await arrived(convex, b, sent)


WRITER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from machines import exchange
from ipyclaude.messages import SessionInfo
from ipyclaude.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[2])
info = store.session("one")
number = 1
while True:
    for value in exchange(info, number):
        store.put(value)
    print(number, flush=True)
    number += 1
"""


async def test_killed_while_offline(
    make: Make, convex: ConvexServer, faults: Faults, tmp_path: Path
) -> None:
    """The same when the kernel is killed while offline: the next one sends what it left (S1)."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="")
    async with running(a):
        a.store.put(info, *exchange(info, 0))
        await a.flushed()
        path = a.store.path
    faults.offline()
    last = await asyncio.to_thread(_write_and_die, path, EXCHANGES)
    convex.reset_stats()
    a = make("a")
    async with running(a, b):
        await a.until(lambda: a.replica.standing().sync == "offline")
        whole = a.messages(info.client_id)
        assert len(whole) >= 3 * last
        # What the writer was about when it was killed: a part of one exchange at most.
        _complete(a.store, info, whole)
        faults.online()
        await a.flushed()
        await arrived(convex, b, a.messages(info.client_id))


def _write_and_die(path: Path, exchanges: int) -> int:
    folder = json.dumps([str(Path(__file__).parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), folder, str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    done = 0
    for line in process.stdout:
        done = int(line)
        if done >= exchanges - 1:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    process.wait()
    return done


def _complete(store: SqliteStore, info: SessionInfo, whole: list[Message]) -> None:
    """Go on where the killed writer was, as its next run would."""
    number = len(whole) // 3
    rest: list[Any] = [v for v in exchange(info, number) if isinstance(v, Message)]
    if len(whole) % 3:
        store.put(*rest[len(whole) % 3 :])
        store.put(*(v for v in exchange(info, number) if isinstance(v, TodoList)))


async def test_killed_between_work_and_reply(make: Make, convex: ConvexServer) -> None:
    """Where the server did the work and the kernel died before it heard, nothing is twice (S2)."""
    a, b = make("a"), make("b")
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    key: Any = {"project_key": "p", "session_id": "c"}
    async with running(a):
        a.store.put(info, *exchange(info, 0))
        await a.transcripts.append(key, [{"type": "user", "uuid": "1"}])
        rows = a.store.outbox()
        await a.flushed()
    # The acknowledgement never got to the disk.
    with closing(SqliteStore(a.store.path)) as store, store.batch() as batch:
        for row in rows:
            batch.db.execute(
                "INSERT INTO outbox (kind, client_id, session_id, op, rev, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (row.kind, row.client_id, row.session_id, row.op, row.rev, row.created_at),
            )
        batch.db.execute("UPDATE messages SET ord = (1 << 62) + pos")
    a = make("a")
    async with running(a, b):
        await a.flushed()
        await b.opened("one")
        assert b.texts(info.client_id) == texts_of(1)
        assert a.messages(info.client_id) == b.messages(info.client_id)
        assert await b.transcripts.load(key) == [{"type": "user", "uuid": "1"}]
        assert convex.stats()["functions"]["messages:append"]["errors"] == 0


async def test_a_long_backlog_leaves_room_for_now(make: Make, faults: Faults) -> None:
    """What is said now does not wait behind ten thousand old messages of other sessions."""
    a, b = make("a"), make("b")
    old, now = SessionInfo(name="old", cwd=""), SessionInfo(name="now", cwd="")
    async with running(a, b):
        a.store.put(now)
        await a.flushed()
        await b.opened("now")
        a.store.put(old, *(message(old, f"old {n}") for n in range(5000)))
        a.store.put(message(now, "hello"))
        await b.shows(now.client_id, "hello")
        assert a.replica.standing().waiting.rows > 1000
        await a.flushed(60)
        await b.opened("old")
        assert b.texts(old.client_id) == [f"old {n}" for n in range(5000)]
