"""What only the SQLite store has: the outbox, and indexes that keep it fast."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipyclaude.messages import (
    Approval,
    Message,
    Rule,
    SessionInfo,
    StreamTail,
    TextBlock,
    TodoList,
)
from ipyclaude.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give an empty store."""
    store = SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


def message(info: SessionInfo, text: str = "x", **more: Any) -> Message:
    """Make a message."""
    content = (TextBlock(text=text),)
    return Message(session_id=info.client_id, type="user", content=content, **more)


def kinds(store: SqliteStore) -> list[tuple[str, str]]:
    """Return what the outbox holds."""
    return [(row.kind, row.op) for row in store.outbox()]


def everything(info: SessionInfo) -> list[Any]:
    """Make one value of each kind."""
    session_id, turn = info.client_id, "t"
    return [
        message(info),
        TodoList(client_id=session_id, session_id=session_id),
        Approval(session_id=session_id, turn_id=turn, tool_use_id="u", tool_name="Bash"),
        Rule(pattern="Bash", session_id=session_id),
        StreamTail(session_id=session_id, turn_id=turn, message_id="m", block=TextBlock()),
    ]


ALL = [("session", "put"), ("message", "put"), ("todos", "put"), ("approval", "put")]


def test_outbox_is_written_with_the_rows(store: SqliteStore) -> None:
    """Each replicated value has its outbox row; live tails and permissions have none."""
    info = SessionInfo(name="n", cwd="")
    store.put(info, *everything(info))
    assert kinds(store) == ALL


def test_outbox_stays_bounded(store: SqliteStore) -> None:
    """A thing that changes often is one row, in its first place."""
    info = SessionInfo(name="n", cwd="")
    first = message(info)
    store.put(info, first)
    before = store.outbox()
    for n in range(50):
        store.put(info.model_copy(update={"title": str(n)}), first)
    after = store.outbox()
    assert [row.id for row in after] == [row.id for row in before]
    assert all(new.rev > old.rev for new, old in zip(after, before, strict=True))


def test_acknowledged_only_as_sent(store: SqliteStore) -> None:
    """What changed while it was being sent stays in the outbox (S2)."""
    info = SessionInfo(name="n", cwd="")
    store.put(info, message(info))
    sent = store.outbox()
    store.put(info)
    store.acknowledge(sent)
    assert kinds(store) == [("session", "put")]
    row = store.outbox()[0]
    store.postpone(row, "offline \ud800")
    assert store.outbox()[0].attempts == 1
    store.postpone(row, "refused", park=True)
    assert store.outbox() == []
    assert [r.parked for r in store.outbox(parked=True)] == ["refused"]
    store.put(info)
    assert kinds(store) == [("session", "put")]


def test_local_sessions_enqueue_nothing(store: SqliteStore) -> None:
    """A local session has no outbox row until it stops being local; then all of it has one."""
    info = SessionInfo(name="n", cwd="", local=True)
    store.put(info, *everything(info))
    assert kinds(store) == []
    store.put(info.model_copy(update={"local": False}))
    assert kinds(store) == ALL
    store.put(info)
    assert kinds(store) == []
    store.delete_session(info.client_id)
    assert kinds(store) == []


def test_delete_is_announced(store: SqliteStore) -> None:
    """All that a deleted session had to send gives way to the one row that deletes it."""
    info = SessionInfo(name="n", cwd="")
    store.put(info, *everything(info))
    store.delete_session(info.client_id)
    assert kinds(store) == [("session", "delete")]


def test_deleted_text_is_gone_from_the_file(store: SqliteStore) -> None:
    """No table keeps a row of a deleted session but its bare tombstone."""
    info = SessionInfo(name="n", cwd="/secret/cwd", title="secret title")
    store.put(info, *everything(info))
    store.delete_session(info.client_id)
    with store.database.reading() as db:
        dump = "\n".join(str(row) for t in _tables(db) for row in db.execute(f"SELECT * FROM {t}"))
    assert "secret" not in dump
    assert dump.count(info.client_id) == 4  # tombstone: key and JSON; outbox: thing and session


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [row[0] for row in rows if "fts" not in row[0]]


QUERIES: dict[str, Callable[[SqliteStore, str], object]] = {
    "list": lambda s, i: s.sessions(limit=50, offset=5000),
    "by id": lambda s, i: s.session(i),
    "by prefix": lambda s, i: s.session(i[:12]),
    "by name": lambda s, i: s.session("no such name"),
    "last page": lambda s, i: s.messages(i),
    "page before": lambda s, i: s.messages(i, before=s.messages(i).messages[0].client_id),
    "turn": lambda s, i: s.messages(i, turn_id="t1"),
    "answered": lambda s, i: s.answered(i, "h"),
    "todos": lambda s, i: s.todos(i),
    "tails": lambda s, i: s.tails(i),
    "approvals": lambda s, i: s.approvals(i),
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries_use_indexes(store: SqliteStore, name: str) -> None:
    """Listing, paging and finding walk an index: no table is scanned, no page is sorted."""
    info = SessionInfo(name="n", cwd="")
    store.put(info, *(message(info, str(n), turn_id="t1", prompt_hash="h") for n in range(200)))
    seen: list[str] = []
    with store.database.reading() as db:
        connection = db
    connection.set_trace_callback(seen.append)
    QUERIES[name](store, info.client_id)
    connection.set_trace_callback(None)
    queries = [sql for sql in seen if sql.lstrip().startswith("SELECT")]
    assert queries
    for sql in queries:
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql)]
        text = "\n".join(plan)
        if name == "list":
            assert "sessions_recent" in text
        else:
            assert not re.search(r"^SCAN (?!\(subquery|m\b)", text, re.MULTILINE), (sql, text)
        if name in ("list", "last page", "page before", "turn"):
            assert "TEMP B-TREE" not in text, (sql, text)


def test_many_at_once_are_as_one_by_one(store: SqliteStore) -> None:
    """Of a message that is given twice among many the last stays; it is counted and found once."""
    info = SessionInfo(name="many", cwd="")
    rows = [message(info, f"word{number}x") for number in range(1200)]
    better = rows[7].model_copy(update={"content": (TextBlock(text="better"),)})
    store.put(info, rows[0])
    store.put(*rows, better)
    assert store.messages(info.client_id, limit=2000).messages == (*rows[:7], better, *rows[8:])
    found = store.session(info.client_id)
    assert found is not None
    assert found.message_count == 1200
    assert [hit.message.client_id for hit in store.search("better")] == [better.client_id]
    assert store.search("word7x") == []
