"""SQL that writes values. Each function runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ..messages import (
    Approval,
    Message,
    Rule,
    SessionInfo,
    StreamTail,
    TodoList,
    Value,
    now_ms,
)
from . import _outbox
from ._rows import (
    COUNT,
    FORGET,
    INSERT_MESSAGE,
    INTO_INDEX,
    INTO_MESSAGES,
    SESSION_COLUMNS,
    UPDATE_MESSAGE,
    bare,
    gone,
    index,
    insert_many,
    message_row,
    unindex_all,
    write_session,
)
from ._values import KEPT, cost_of, dump, indexed_text, load, safe, session_from

# From this many messages on, one statement for all is faster than one for each.
_MANY = 20
_OF_SESSION = (
    "messages", "todos", "tails", "approvals", "rules", "imports", "outbox", "spans", "holds",
)  # fmt: skip


class Batch:
    """The writes of one transaction: counts revisions, collects what listeners will hear.

    With `announce` False nothing goes into the outbox: what is written came from the server.
    With `tell` False no listener hears of it, here or in another process.
    """

    def __init__(self, db: sqlite3.Connection, *, announce: bool = True, tell: bool = True) -> None:
        self.db = db
        self._announce, self._tell = announce, tell
        self.rev = int(db.execute("SELECT rev FROM clock").fetchone()[0])
        self.first = self.rev + 1
        self.changed: list[Value] = []
        self._local: dict[str, bool] = {}
        self._later: dict[str, list[tuple[object, ...]]] = {}

    def finish(self) -> None:
        """Write what waits, and note the last revision; call once, before the transaction ends."""
        self.flush()
        if self.rev >= self.first:
            self.db.execute("UPDATE clock SET rev = ?", (self.rev,))

    def step(self) -> int:
        """Return a new revision for something that listeners don't hear of."""
        self.rev += 1
        return self.rev

    def owner_of(self, claude_id: str) -> str | None:
        """Return the session whose transcript this is, if it is replicated."""
        rows = self.db.execute(
            f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.claude_session_id = ?"  # noqa: S608 - fixed names
            " AND s.deleted_at IS NULL AND s.local = 0 ORDER BY s.client_id",
            (claude_id,),
        ).fetchall()
        # One's own first: what belongs to it must not go to somebody else's.
        found = sorted(map(session_from, rows), key=lambda info: info.role != "owner")
        return found[0].client_id if found else None

    def later(self, into: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Have rows wait for `flush`, which writes them by few statements."""
        self._later.setdefault(into, []).extend(rows)

    def flush(self) -> None:
        """Write the rows that wait; that needs hardly any Python, so other threads can go on."""
        waiting, self._later = self._later, {}
        for into, rows in waiting.items():
            insert_many(self.db, into, rows)

    def put(self, values: Iterable[Value]) -> None:
        """Write values, sessions first, so that the rest finds theirs."""
        self.prepare(values)
        self.flush()

    def prepare(self, values: Iterable[Value]) -> None:
        """Write values as `put` does, but let new messages that are many wait for `flush`."""
        rest = list[Value]()
        for value in values:
            if isinstance(value, SessionInfo):
                self._session(value)
            else:
                rest.append(value)
        messages = [v for v in rest if isinstance(v, Message)]
        new = self._new(messages) if len(messages) >= _MANY else {}
        for value in rest:
            if not (isinstance(value, Message) and value.client_id in new):
                self._put(value)
        if new:
            self._prepare_messages(list(new.values()))

    def _put(self, value: Value) -> None:
        if isinstance(value, Message):
            self._message(value)
        elif isinstance(value, TodoList):
            self._todos(value)
        elif isinstance(value, StreamTail):
            self._tail(value)
        elif isinstance(value, Approval):
            self._approval(value)
        elif isinstance(value, Rule):
            self._rule(value)

    def note(self, value: Value) -> int:
        """Return a new revision for a value that listeners will hear of."""
        if not self._tell:
            return 0
        self.rev += 1
        self.changed.append(value)
        return self.rev

    def _is_local(self, session_id: str) -> bool:
        """Tell whether the session stays here; refuse what belongs to none."""
        local = self._local.get(session_id)
        if local is None:
            row = self.db.execute(
                "SELECT local, deleted_at FROM sessions WHERE client_id = ?", (safe(session_id),)
            ).fetchone()
            if row is None or row[1] is not None:
                raise gone(session_id, deleted=row is not None)
            local = self._local[session_id] = bool(row[0])
        return local

    def _replicate(self, kind: _outbox.Kind, client_id: str, session_id: str, rev: int) -> None:
        if self._announce and not self._is_local(session_id):
            _outbox.enqueue(self.db, kind, client_id, session_id, rev)

    def _session(self, info: SessionInfo) -> None:
        before = self.db.execute(
            f"SELECT {SESSION_COLUMNS}, s.deleted_at FROM sessions s WHERE s.client_id = ?",  # noqa: S608 - fixed names
            (info.client_id,),
        ).fetchone()
        if before and before[-1] is not None:
            raise gone(info.client_id, deleted=True)
        old = session_from(before[:-1]) if before else None
        kept = {k: getattr(old, k) if old else SessionInfo.model_fields[k].default for k in KEPT}
        if old and self._announce:
            kept |= _standing(old)
        info = info.model_copy(update=kept)
        write_session(self.db, info, self.note(info))
        self._local[info.client_id] = info.local
        self._replicate_session(old, info)
        if info.deleted_at is not None:
            self._clear(info)

    def _replicate_session(self, old: SessionInfo | None, info: SessionInfo) -> None:
        if not self._announce:
            return
        if info.local:
            if old and not old.local:
                _outbox.forget(self.db, info.client_id)
            return
        if old and old.local:
            _outbox.enqueue_all(self.db, info.client_id, self.rev)
        else:
            _outbox.enqueue(self.db, "session", info.client_id, info.client_id, self.rev)
        known = old.claude_session_id if old and not old.local else None
        if info.claude_session_id and info.claude_session_id != known:
            # Chunks that came before the session knew its transcript.
            _outbox.enqueue_transcripts(self.db, info.client_id, info.claude_session_id, self.rev)

    def _message(self, message: Message) -> None:
        self._is_local(message.session_id)
        rev = self.note(message)
        old = self.db.execute(
            "SELECT pos, data, cost_usd, ord FROM messages WHERE client_id = ?",
            (message.client_id,),
        ).fetchone()
        pos = int(old[0]) if old else self._new_position()
        row = message_row(message, rev, pos, old[3] if old else None)
        self.db.execute(UPDATE_MESSAGE if old else INSERT_MESSAGE, row)
        if old:
            index(self.db, pos, load(Message, old[1]), remove=True)
        index(self.db, pos, message)
        cost = cost_of(message) - (old[2] if old else 0)
        if cost or not old:
            self.db.execute(COUNT, (0 if old else 1, cost, message.session_id))
        self.db.execute("DELETE FROM tails WHERE message_id = ?", (message.client_id,))
        self._replicate("message", message.client_id, message.session_id, rev)

    def _new(self, messages: list[Message]) -> dict[str, Message]:
        """Return those that aren't here, as they were last given."""
        known = self._known([m.client_id for m in messages])
        return {m.client_id: m for m in messages if m.client_id not in known}

    def _prepare_messages(self, new: list[Message]) -> None:
        first = self._new_position()
        rows, texts = list[tuple[object, ...]](), list[tuple[int, str]]()
        for pos, message in enumerate(new, first):
            self._is_local(message.session_id)
            rows.append(message_row(message, self.note(message), pos))
            text = indexed_text(message)
            if text:
                texts.append((pos, text))
        self._count_many(new)
        if self.db.execute("SELECT 1 FROM tails LIMIT 1").fetchone():
            ids = [(m.client_id,) for m in new]
            self.db.executemany("DELETE FROM tails WHERE message_id = ?", ids)
        if self._announce:
            new_rows = [row[:3] for row in rows if not self._is_local(str(row[1]))]
            _outbox.enqueue_many(self.db, "message", new_rows)
        self.later(INTO_MESSAGES, rows)
        self.later(INTO_INDEX, texts)

    def _known(self, ids: list[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self.db.execute(
                f"SELECT client_id FROM messages WHERE client_id IN ({marks})",  # noqa: S608 - only marks
                part,
            )
            found.update(row[0] for row in rows)
        return found

    def _count_many(self, new: list[Message]) -> None:
        sums: dict[str, tuple[int, float]] = {}
        for message in new:
            count, cost = sums.get(message.session_id, (0, 0.0))
            sums[message.session_id] = (count + 1, cost + cost_of(message))
        self.db.executemany(
            COUNT, [(count, cost, session_id) for session_id, (count, cost) in sums.items()]
        )

    def _new_position(self) -> int:
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
        return int(row[0]) + 1 if row else 1

    def _todos(self, todos: TodoList) -> None:
        self._is_local(todos.session_id)
        rev = self.note(todos)
        # One list a session, whatever client_id it was written with.
        self.db.execute(
            "DELETE FROM todos WHERE session_id = ? AND client_id <> ?",
            (todos.session_id, todos.client_id),
        )
        self.db.execute(
            "INSERT INTO todos VALUES (?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
            " session_id = excluded.session_id, rev = excluded.rev, data = excluded.data",
            (todos.client_id, todos.session_id, rev, dump(todos)),
        )
        self._replicate("todos", todos.client_id, todos.session_id, rev)

    def _tail(self, tail: StreamTail) -> None:
        # Not replicated from here: a live answer has a channel of its own.
        self._is_local(tail.session_id)
        self.db.execute(
            "INSERT INTO tails (client_id, session_id, message_id, start, rev, data)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
            " start = excluded.start, rev = excluded.rev, data = excluded.data",
            (
                tail.client_id, tail.session_id, tail.message_id, tail.start,
                self.note(tail), dump(tail),
            ),
        )  # fmt: skip

    def _approval(self, approval: Approval) -> None:
        self._is_local(approval.session_id)
        rev = self.note(approval)
        self.db.execute(
            "INSERT INTO approvals (client_id, session_id, status, rev, data)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
            " status = excluded.status, rev = excluded.rev, data = excluded.data",
            (approval.client_id, approval.session_id, approval.status, rev, dump(approval)),
        )
        self._replicate("approval", approval.client_id, approval.session_id, rev)

    def _rule(self, rule: Rule) -> None:
        # Never replicated: what one machine allows says nothing about another (S12).
        if rule.session_id is not None:
            self._is_local(rule.session_id)
        self.db.execute(
            "INSERT INTO rules (client_id, session_id, revoked, rev, data)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (client_id) DO UPDATE SET"
            " revoked = excluded.revoked, rev = excluded.rev, data = excluded.data",
            (
                rule.client_id, rule.session_id, rule.revoked_at is not None,
                self.note(rule), dump(rule),
            ),
        )  # fmt: skip

    def decide(self, approval: Approval) -> Approval:
        """Write a decision unless there is one; return what now stands."""
        row = self.db.execute(
            "SELECT data FROM approvals WHERE client_id = ?", (approval.client_id,)
        ).fetchone()
        stands = load(Approval, row[0]) if row else None
        if stands and stands.status != "pending":
            return stands
        self.put([approval])
        return approval

    def lease(
        self, session_id: str, holder: str, expires_at: float | None, *, granted: bool = False
    ) -> SessionInfo | None:
        """Take, renew or give back a lease, unless somebody else holds it (S4)."""
        row = self.db.execute(
            f"SELECT {SESSION_COLUMNS}, s.holder, s.holder_expires_at FROM sessions s"  # noqa: S608 - fixed names
            " WHERE s.client_id = ? AND s.deleted_at IS NULL",
            (safe(session_id),),
        ).fetchone()
        if row is None:
            return None
        info = session_from(row[:-2])
        who, until = row[-2:] if granted else (info.holder, info.holder_expires_at)
        free = who in (None, holder) or (until or 0) <= now_ms()
        if not free or (expires_at is None and info.holder != holder):
            return info
        info = info.model_copy(
            update={
                "holder": None if expires_at is None else holder,
                "holder_expires_at": expires_at,
            }
        )
        # Not replicated from here: among servers the server decides who holds a lease.
        self.db.execute(
            "UPDATE sessions SET rev = ?, holder = ?, holder_expires_at = ? WHERE client_id = ?",
            (self.note(info), info.holder, info.holder_expires_at, info.client_id),
        )
        if expires_at is None:  # the server's word of it, too: its holder may be dead
            self.db.execute(
                "UPDATE sessions SET remote_holder = NULL, remote_expires_at = NULL"
                " WHERE client_id = ? AND remote_holder = ?",
                (info.client_id, holder),
            )
        return info

    def delete(self, session_id: str) -> None:
        """Delete a session; its bare row stays, so that other processes hear of it."""
        row = self.db.execute(
            f"SELECT {SESSION_COLUMNS}, s.deleted_at FROM sessions s WHERE s.client_id = ?",  # noqa: S608 - fixed names
            (safe(session_id),),
        ).fetchone()
        if row is None or row[-1] is not None:
            return
        info = session_from(row[:-1]).model_copy(update={"deleted_at": now_ms()})
        write_session(self.db, info, self.note(info))
        self._clear(info)

    def _clear(self, info: SessionInfo) -> None:
        session_id, claude_id = info.client_id, info.claude_session_id
        unindex_all(self.db, session_id)
        for table in _OF_SESSION:
            self.db.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))  # noqa: S608 - fixed names
        for key in {session_id, claude_id} - {None}:
            self.db.execute(
                "DELETE FROM transcripts WHERE session_id = ? AND NOT EXISTS (SELECT 1 FROM"
                " sessions WHERE claude_session_id = ? AND deleted_at IS NULL)",
                (key, key),
            )
            self.db.execute("DELETE FROM transcript_homes WHERE session_id = ?", (key,))
        tombstone = bare(info)
        write_session(self.db, tombstone, self.rev)
        self.db.execute(FORGET, (session_id,))
        self.changed[-1] = tombstone
        if self._announce and not info.local:
            _outbox.enqueue(self.db, "session", session_id, session_id, self.rev, "delete")


def _standing(old: SessionInfo) -> dict[str, object]:
    """Return what the server alone changes: as whose the session is here."""
    kept: dict[str, object] = {"role": old.role, "owner": old.owner}
    return {**kept, "local": True, "keep_local": True} if old.role == "none" else kept
