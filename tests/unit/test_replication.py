"""What a replica needs of the store: folding in, the outbox's order, cursors, one sender."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from claude_agent_sdk import fold_session_summary
from replicating import message, send_all, texts, todo_list

from ipyclaude.messages import (
    Approval,
    Message,
    ResultBlock,
    SessionInfo,
    StreamTail,
    TextBlock,
    TodoList,
    Value,
    now_ms,
)
from ipyclaude.store import migrations
from ipyclaude.store._values import dump
from ipyclaude.store.replication import Replication, Span, Use
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore


def test_merge_sends_nothing_back(store: SqliteStore, replication: Replication) -> None:
    """What came from the server is stored, told and counted, and never goes back up (S2)."""
    heard: list[Value] = []
    store.subscribe(heard.extend)
    info = SessionInfo(name="n", cwd="/elsewhere", message_count=2, cost_usd=0.5)
    result = message(info, type="result", content=(ResultBlock(cost_usd=0.5),), seq=2)
    values: list[Value] = [info, message(info, "a", seq=1), result, todo_list(info, "one")]
    replication.merge(values)
    assert store.outbox() == []
    assert [type(v) for v in heard] == [SessionInfo, Message, Message, TodoList]
    assert store.session("n") == info
    assert texts(store, info) == [("a", 1), ("", 2)]
    assert store.todos(info.client_id) == todo_list(info, "one")
    heard.clear()
    replication.merge(values)
    assert heard == []
    assert store.session("n") == info


def test_merge_in_bulk_is_the_same(store: SqliteStore, replication: Replication) -> None:
    """A page of many messages is folded in as one by one, and leaves out what it has."""
    info = SessionInfo(name="n", cwd="")
    rows = [message(info, str(n), seq=n + 1) for n in range(60)]
    replication.merge([info, *rows[:10]])
    replication.merge(rows)
    assert texts(store, info) == [(str(n), n + 1) for n in range(60)]
    assert store.outbox() == []
    found = store.session("n")
    assert found is not None
    assert found.message_count == 60


def test_unsent_changes_stand(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """What was changed here and not sent yet is not overwritten by an older word of it."""
    asked = Approval(session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash")
    allowed = asked.model_copy(update={"status": "allowed"})
    store.put(info, todo_list(info, "mine"), allowed)
    there = info.model_copy(update={"name": "theirs", "message_count": 7, "cost_usd": 1.5})
    replication.merge([there, todo_list(info, "theirs"), asked])
    mine = store.session(info.client_id)
    assert mine is not None
    assert (mine.name, mine.message_count, mine.cost_usd) == ("n", 7, 1.5)
    assert store.todos(info.client_id) == todo_list(info, "mine")
    assert store.approvals(info.client_id, pending=False) == [allowed]
    send_all(replication)
    replication.merge([there, todo_list(info, "theirs")])
    found = store.session("theirs")
    assert found is not None
    assert found.cwd == "/home/ada"
    assert store.todos(info.client_id) == todo_list(info, "theirs")


def test_a_decision_elsewhere_ends_the_question(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A pending question that was not sent yet takes the decision that was made elsewhere."""
    asked = Approval(session_id=info.client_id, turn_id="t", tool_use_id="u", tool_name="Bash")
    store.put(info, asked)
    denied = asked.model_copy(update={"status": "denied", "decided_by": "b"})
    replication.merge([denied])
    assert store.approvals(info.client_id, pending=False) == [denied]


def test_a_lost_reply_leaves_one(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A message of ours that comes back before its acknowledgement is placed, not doubled (S2)."""
    mine = message(info, "mine")
    store.put(info, mine)
    other = message(info, "other", seq=1)
    replication.merge([other, mine.model_copy(update={"seq": 2})])
    assert texts(store, info) == [("other", 1), ("mine", 2)]
    assert [row.kind for row in store.outbox()] == ["session", "message"]
    found = store.session(info.client_id)
    assert found is not None
    assert found.message_count == 2


def test_acknowledged_with_their_order(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """The server's order comes with the acknowledgement; what changed since stays (S2, S3)."""
    first, second = message(info, "first"), message(info, "second")
    store.put(info, first, second)
    parcels = replication.parcels(limit=10, size=1 << 20)
    store.put(second)
    replication.acknowledge(
        [p.row for p in parcels], seqs={first.client_id: 2, second.client_id: 1}
    )
    assert texts(store, info) == [("second", 1), ("first", 2)]
    assert [row.client_id for row in store.outbox()] == [second.client_id]
    assert replication.seq_of(first.client_id) == 2


def test_local_and_deleted_are_left_alone(store: SqliteStore, replication: Replication) -> None:
    """A local session takes nothing from the server; a deleted one does not come back."""
    local = SessionInfo(name="local", cwd="", local=True)
    deleted = SessionInfo(name="deleted", cwd="")
    store.put(local, deleted)
    store.delete_session(deleted.client_id)
    for info in (local, deleted):
        replication.merge([info.model_copy(update={"name": "x"}), message(info, seq=1)])
        assert texts(store, info) == []
    assert store.session("x") is None
    assert [row.op for row in store.outbox()] == ["delete"]


def test_deleted_elsewhere(store: SqliteStore, replication: Replication, info: SessionInfo) -> None:
    """A session deleted elsewhere goes here too, unless something of it was never sent."""
    stone = info.model_copy(update={"deleted_at": 5.0})
    store.put(info, message(info, "unsent"))
    replication.merge([stone])
    assert texts(store, info) == [("unsent", None)]
    send_all(replication)
    replication.merge([stone])
    assert store.session(info.client_id) is None
    assert store.outbox() == []
    replication.merge([SessionInfo(name="never here", cwd="", deleted_at=1.0)])
    assert store.sessions() == []


def test_memory_alone_keeps_no_session(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Claude's memory, which may be one that is never sent, does not keep a session from going
    that was deleted elsewhere."""
    store.put(info)
    send_all(replication)
    TranscriptStore(store, fold=fold_session_summary).append_now(
        {"project_key": "p", "session_id": "c"}, [{"type": "user", "uuid": "1"}]
    )
    assert [row.kind for row in store.outbox()] == ["transcript"]
    replication.merge([info.model_copy(update={"deleted_at": 5.0})])
    assert store.session(info.client_id) is None
    assert store.outbox() == []


def test_leases_of_others(store: SqliteStore, replication: Replication, info: SessionInfo) -> None:
    """A lease on another server keeps this one out until it is over, and never ends ours (S4)."""
    heard: list[Value] = []
    store.put(info)
    store.subscribe(heard.extend)
    later = now_ms() + 60_000
    theirs = {info.client_id: ("them", later), "not here": ("them", later)}
    held = info.model_copy(update={"holder": "them", "holder_expires_at": later})
    replication.note_leases(theirs)
    replication.note_leases(theirs)
    replication.merge([info])
    assert heard == [held]
    assert _holder(store.lease(info.client_id, "us", later)) == "them"
    replication.note_leases({info.client_id: ("them", now_ms() - 1)})
    assert _holder(store.session(info.client_id)) == "them"
    for leases in ({}, theirs):
        assert _holder(store.lease(info.client_id, "us", later)) == "us"
        replication.note_leases(leases)
        assert _holder(store.session(info.client_id)) == "us"
    store.lease(info.client_id, "us", None)
    assert store.session(info.client_id) == held
    store.lease(info.client_id, "them", None)
    assert store.session(info.client_id) == info


def _holder(info: SessionInfo | None) -> str | None:
    assert info is not None
    return info.holder


def test_pieces_of_a_landed_answer(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A late piece of an answer that has landed is left out (S1)."""
    replication.merge([info, message(info, "whole", client_id="m", seq=1)])
    for target in ("m", "n"):
        piece = StreamTail(
            session_id=info.client_id, turn_id="t", message_id=target, block=TextBlock(text="a")
        )
        replication.merge([piece])
    assert [t.message_id for t in store.tails(info.client_id)] == ["n"]


def test_spans(replication: Replication, info: SessionInfo) -> None:
    """Stretches of the order that touch become one, in whatever order they came."""
    replication.merge([info])

    def add(low: int, high: int) -> list[tuple[int, int]]:
        replication.merge([], span=(info.client_id, Span(low, high)))
        return [(s.low, s.high) for s in replication.spans(info.client_id)]

    assert add(50, 60) == [(50, 60)]
    assert add(1, 10) == [(1, 10), (50, 60)]
    assert add(61, 61) == [(1, 10), (50, 61)]
    assert add(30, 49) == [(1, 10), (30, 61)]
    assert add(5, 40) == [(1, 61)]
    assert add(7, 8) == [(1, 61)]


def test_pages_know_what_is_missing(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """A page says that there are older messages, although they are only on the server."""
    last = [message(info, str(n), seq=n) for n in range(90, 101)]
    replication.merge([info, *last], span=(info.client_id, Span(90, 100)))
    assert store.messages(info.client_id).more
    assert store.messages(info.client_id, before=last[5].client_id).more
    assert not store.messages(info.client_id, turn_id="").more
    first = [message(info, str(n), seq=n) for n in range(1, 90)]
    replication.merge(first, span=(info.client_id, Span(1, 89)), tell=False)
    assert not store.messages(info.client_id).more or len(first) + len(last) > 100
    assert not store.messages(info.client_id, before=first[50].client_id).more


def test_old_messages_come_quietly(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Old messages that nobody has on screen are stored, and no listener hears of them."""
    replication.merge([info])
    heard: list[Value] = []
    store.subscribe(heard.extend)
    replication.merge([message(info, "old", seq=1)], tell=False)
    assert heard == []
    assert texts(store, info) == [("old", 1)]


def test_one_account(replication: Replication) -> None:
    """A file belongs to the account that it was first replicated to."""
    assert replication.claim("https://a ada") == "https://a ada"
    assert replication.claim("https://a eve") == "https://a ada"


def test_a_store_follows_its_account_into_another(
    store: SqliteStore, replication: Replication
) -> None:
    """When its account became another, all is read anew, whatever a slow kernel noted (S3)."""
    replication.claim("https://a ada")
    replication.note_sessions_at(5.0)
    slow = Replication(store)
    slow.claim("https://a ada")
    assert replication.claim("https://a one", ["https://a ada"]) == "https://a one"
    assert replication.sessions_at() == 0.0
    slow.note_sessions_at(9.0)
    assert replication.sessions_at() == 0.0
    assert slow.claim("https://a one", ["https://a ada"]) == "https://a one"
    slow.note_sessions_at(9.0)
    assert replication.claim("https://a eve", ["https://a ada"]) == "https://a one"
    assert replication.sessions_at() == 9.0


def test_sessions_cursor_never_goes_back(replication: Replication) -> None:
    """How far the list was read only moves on."""
    replication.note_sessions_at(5.0)
    replication.note_sessions_at(3.0)
    assert replication.sessions_at() == 5.0


def test_an_older_file_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the version before is brought up to date with all that it holds."""
    info = SessionInfo(name="n", cwd="", holder="us", holder_expires_at=now_ms() + 60_000)
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        migrations.migrate(db, str(path))
        columns = "client_id, rev, name, haystack, last_activity_at, local, holder,"
        db.execute(
            f"INSERT INTO sessions ({columns} holder_expires_at, message_count, data)"
            " VALUES (?, 1, 'n', 'n', ?, 0, 'us', ?, 3, ?)",
            (info.client_id, info.last_activity_at, info.holder_expires_at, dump(info)),
        )
    db.close()
    monkeypatch.undo()
    store = SqliteStore(path)
    assert store.session("n") == info.model_copy(update={"message_count": 3})
    assert Replication(store).drain("us", now_ms() + 60_000)
    store.close()


def test_use_adds_up_by_day(replication: Replication) -> None:
    """What several kernels used on a day is one line, newest day first."""
    replication.note_use("2026-11-24", calls=1, bytes_up=10, bytes_down=100)
    replication.note_use("2026-11-25", calls=2, bytes_up=20, bytes_down=200)
    replication.note_use("2026-11-25", calls=3, bytes_up=30, bytes_down=300)
    assert replication.uses() == [
        Use("2026-11-25", 5, 50, 500),
        Use("2026-11-24", 1, 10, 100),
    ]
    assert len(replication.uses(1)) == 1


def test_what_is_only_here(store: SqliteStore, replication: Replication) -> None:
    """Local sessions are told, but for those that their person keeps here, and deleted ones."""
    one, two, three, kept = (
        SessionInfo(name=name, cwd="", local=name != "three", keep_local=name == "kept")
        for name in ("one", "two", "three", "kept")
    )
    store.put(one, two, three, kept)
    store.delete_session(two.client_id)
    assert replication.only_here() == [one.client_id]


def test_removed_here_stays_there(store: SqliteStore, replication: Replication) -> None:
    """Deleting it here alone sends nothing, and what the server says of it is not taken in."""
    info = SessionInfo(name="n", cwd="")
    store.put(info, message(info, "secret"))
    replication.remove_here(info.client_id)
    assert store.outbox() == []
    assert replication.merge([info, message(info, "again")]) is False
    assert store.session("n") is None
    assert store.messages(info.client_id).messages == ()
    assert store.search("secret") == []
