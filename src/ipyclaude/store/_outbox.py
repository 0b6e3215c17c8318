"""What has yet to be replicated (S2): rows written in the transaction of what they announce.

A row says that something changed, not what it became; the value is read when it is sent.
So a thing that changes often is one row, and the outbox never grows beyond what exists.
It keeps its first place in the order, so that a session goes up before its messages; its
`rev` moves on, so that the confirmation of an older sending doesn't remove it.

A local session writes no rows: what must not leave this machine is never in the queue of
what leaves it. When it stops being local, all that it has is enqueued then (`enqueue_all`),
which means the same as if it had been enqueued bit by bit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ..messages import now_ms

Kind = Literal["session", "message", "todos", "approval", "transcript"]


@dataclass(frozen=True)
class OutboxRow:
    """One thing to send. `client_id` is the value's, or the transcript chunk's id."""

    id: int
    kind: Kind
    client_id: str
    session_id: str
    op: Literal["put", "delete"]
    rev: int
    created_at: float
    attempts: int = 0
    last_error: str | None = None
    #: Why it is not tried again until somebody acts.
    parked: str | None = None


_ROWS = (
    "SELECT id, kind, client_id, session_id, op, rev, created_at, attempts, last_error, parked"
    " FROM outbox"
)

_PUT = """
INSERT INTO outbox (kind, client_id, session_id, op, rev, created_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, client_id) DO UPDATE SET
    op = excluded.op, rev = excluded.rev, attempts = 0, last_error = NULL, parked = NULL
"""


def enqueue(
    db: sqlite3.Connection,
    kind: Kind,
    client_id: str,
    session_id: str,
    rev: int,
    op: Literal["put", "delete"] = "put",
) -> None:
    """Announce that something changed or was deleted."""
    db.execute(_PUT, (kind, client_id, session_id, op, rev, now_ms()))


def enqueue_many(db: sqlite3.Connection, kind: Kind, rows: Sequence[tuple[object, ...]]) -> None:
    """Announce many changes: each row is (client id, session id, rev)."""
    now = now_ms()
    db.executemany(
        _PUT, [(kind, client, session, "put", rev, now) for client, session, rev in rows]
    )


def enqueue_all(db: sqlite3.Connection, session_id: str, rev: int) -> None:
    """Announce all that a session has: it was local, and is no longer."""
    enqueue(db, "session", session_id, session_id, rev)
    for kind, table, by in (
        ("message", "messages", "ord, pos"),
        ("todos", "todos", "client_id"),
        ("approval", "approvals", "pos"),
    ):
        db.execute(
            "INSERT INTO outbox (kind, client_id, session_id, op, rev, created_at)"  # noqa: S608 - fixed names
            f" SELECT ?, client_id, session_id, 'put', ?, ? FROM {table}"
            f" WHERE session_id = ? ORDER BY {by}"
            " ON CONFLICT (kind, client_id) DO UPDATE SET rev = excluded.rev",
            (kind, rev, now_ms(), session_id),
        )


def enqueue_transcripts(db: sqlite3.Connection, session_id: str, claude_id: str, rev: int) -> None:
    """Announce every chunk of the session's transcripts."""
    db.execute(
        "INSERT INTO outbox (kind, client_id, session_id, op, rev, created_at)"
        " SELECT 'transcript', c.chunk_id, ?, 'put', ?, ? FROM transcript_chunks c"
        " JOIN transcripts t ON t.id = c.transcript WHERE t.session_id = ? ORDER BY c.pos"
        " ON CONFLICT (kind, client_id) DO UPDATE SET rev = excluded.rev",
        (session_id, rev, now_ms(), claude_id),
    )


def forget(db: sqlite3.Connection, session_id: str) -> None:
    """Drop what a session had to send."""
    db.execute("DELETE FROM outbox WHERE session_id = ?", (session_id,))


def pending(
    db: sqlite3.Connection, limit: int, *, parked: bool, without: Collection[Kind] = ()
) -> list[OutboxRow]:
    """Return the next rows to send, oldest first; with `parked`, those that are parked."""
    where = f"parked IS {'NOT ' if parked else ''}NULL AND kind NOT IN ({marks(without)})"
    rows = db.execute(f"{_ROWS} WHERE {where} ORDER BY id LIMIT ?", (*without, limit))
    return [OutboxRow(*row) for row in rows]


def next_session(
    db: sqlite3.Connection, skip: Collection[str], without: Collection[Kind]
) -> str | None:
    """Return the session that has the newest row to send.

    The newest, so that a turn of now does not wait behind an import of ten thousand sessions;
    within a session the order is kept.
    """
    row = db.execute(
        "SELECT session_id FROM outbox WHERE parked IS NULL"  # noqa: S608 - only marks
        f" AND session_id NOT IN ({marks(skip)}) AND kind NOT IN ({marks(without)})"
        " ORDER BY id DESC LIMIT 1",
        (*skip, *without),
    ).fetchone()
    return row[0] if row else None


def of_session(
    db: sqlite3.Connection, session_id: str, without: Collection[Kind], limit: int
) -> list[OutboxRow]:
    """Return a session's next rows to send, oldest first."""
    rows = db.execute(
        f"{_ROWS} WHERE session_id = ? AND parked IS NULL AND kind NOT IN ({marks(without)})"
        " ORDER BY id LIMIT ?",
        (session_id, *without, limit),
    )
    return [OutboxRow(*row) for row in rows]


def has(db: sqlite3.Connection, session_id: str, kind: Kind) -> bool:
    """Say whether a session has something of a kind to send."""
    row = db.execute(
        "SELECT 1 FROM outbox WHERE session_id = ? AND kind = ? AND parked IS NULL LIMIT 1",
        (session_id, kind),
    ).fetchone()
    return row is not None


def counts(
    db: sqlite3.Connection, without: Collection[Kind] = (), session_id: str | None = None
) -> tuple[int, float | None, int]:
    """Return how many rows wait, since when (epoch ms), and how many are parked."""
    if session_id is None:
        return _counts_of_all(db, without)
    row = db.execute(
        "SELECT count(*) FILTER (WHERE parked IS NULL), min(created_at) FILTER"  # noqa: S608 - only marks
        " (WHERE parked IS NULL), count(*) FILTER (WHERE parked IS NOT NULL) FROM outbox"
        f" WHERE kind NOT IN ({marks(without)}) AND session_id = ?",
        (*without, session_id),
    ).fetchone()
    return int(row[0]), row[1], int(row[2])


def _counts_of_all(
    db: sqlite3.Connection, without: Collection[Kind]
) -> tuple[int, float | None, int]:
    """Count by indexes alone: this is asked often, also while a hundred thousand rows wait."""
    kinds = f"kind NOT IN ({marks(without)})"
    # What goes up stays in the order of its first announcement, so the first row is the oldest.
    oldest = f"SELECT created_at FROM outbox WHERE parked IS NULL AND {kinds} ORDER BY id LIMIT 1"  # noqa: S608 - only marks
    total, kept, parked, since = db.execute(
        "SELECT (SELECT count(*) FROM outbox),"  # noqa: S608 - only marks
        f" (SELECT count(*) FROM outbox WHERE kind IN ({marks(without)})),"
        f" (SELECT count(*) FROM outbox WHERE parked IS NOT NULL AND {kinds}),"
        f" ({oldest})",
        (*without, *without, *without),
    ).fetchone()
    return total - kept - parked, since, parked


def acknowledge(db: sqlite3.Connection, rows: Sequence[OutboxRow]) -> None:
    """Remove what was sent, unless it changed again meanwhile."""
    db.executemany(
        "DELETE FROM outbox WHERE id = ? AND rev = ?", [(row.id, row.rev) for row in rows]
    )


def postpone(db: sqlite3.Connection, row: OutboxRow, error: str, *, park: bool) -> None:
    """Note a failed attempt; with `park`, don't try again until the thing changes."""
    db.execute(
        "UPDATE outbox SET attempts = attempts + 1, last_error = ?, parked = ?"
        " WHERE id = ? AND rev = ?",
        (error, error if park else None, row.id, row.rev),
    )


def retry(db: sqlite3.Connection, session_id: str | None) -> int:
    """Let parked rows be tried again, of one session or of all; return how many."""
    only = "" if session_id is None else " AND session_id = ?"
    return db.execute(
        f"UPDATE outbox SET parked = NULL, attempts = 0 WHERE parked IS NOT NULL{only}",  # noqa: S608 - fixed text
        () if session_id is None else (session_id,),
    ).rowcount


def drop(db: sqlite3.Connection, session_id: str | None) -> int:
    """Never send what is parked; the things themselves stay here. Return how many."""
    only = "" if session_id is None else " AND session_id = ?"
    return db.execute(
        f"DELETE FROM outbox WHERE parked IS NOT NULL{only}",  # noqa: S608 - fixed text
        () if session_id is None else (session_id,),
    ).rowcount


def waits(db: sqlite3.Connection, kind: Kind, client_id: str) -> bool:
    """Say whether a thing has a change that was not sent."""
    return state_of(db, kind, client_id) != "sent"


def state_of(
    db: sqlite3.Connection, kind: Kind, client_id: str
) -> Literal["sent", "waiting", "parked"]:
    """Say how it is with a thing's last change."""
    row = db.execute(
        "SELECT parked FROM outbox WHERE kind = ? AND client_id = ?", (kind, client_id)
    ).fetchone()
    if row is None:
        return "sent"
    return "waiting" if row[0] is None else "parked"


def marks(values: Collection[object]) -> str:
    """Return as many question marks."""
    return ",".join("?" * len(values))
