"""Rows of messages and sessions: the statements that write one, and the search index beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

from ..exceptions import SessionNotFound
from ..messages import Message, SessionInfo
from ._values import cost_of, dump, haystack, indexed_text, load, order, result_of, safe

# Of a session that is not wholly here, and of a lease on another server, the server knows more.
_KEPT_SQL = (
    "max(s.message_count, s.remote_count), max(s.cost_usd, s.remote_cost),"
    " coalesce(s.holder, s.remote_holder),"
    " iif(s.holder IS NULL, s.remote_expires_at, s.holder_expires_at)"
)
#: What `session_from` reads, of `sessions AS s`.
SESSION_COLUMNS = f"s.data, {_KEPT_SQL}"

#: 14 columns times so many are below SQLite's limit of 32,766 parameters.
_AT_ONCE = 500

COUNT = (
    "UPDATE sessions SET message_count = message_count + ?, cost_usd = cost_usd + ?"
    " WHERE client_id = ?"
)

FORGET = (
    "UPDATE sessions SET message_count = 0, cost_usd = 0, holder = NULL, holder_expires_at = NULL,"
    " remote = NULL, remote_count = 0, remote_cost = 0, remote_holder = NULL,"
    " remote_expires_at = NULL WHERE client_id = ?"
)

INTO_MESSAGES = """
INSERT INTO messages (client_id, session_id, rev, ord, turn_id, type, timestamp, prompt_hash,
    outcome, cost_usd, input_tokens, output_tokens, data, pos)
"""
INTO_INDEX = "INSERT INTO messages_fts (rowid, text) "
INSERT_MESSAGE = f"{INTO_MESSAGES} VALUES ({', '.join('?' * 14)})"

UPDATE_MESSAGE = """
UPDATE messages SET client_id = ?, session_id = ?, rev = ?, ord = ?, turn_id = ?, type = ?,
    timestamp = ?, prompt_hash = ?, outcome = ?, cost_usd = ?, input_tokens = ?,
    output_tokens = ?, data = ?
WHERE pos = ?
"""

_PUT_SESSION = """
INSERT INTO sessions (client_id, rev, name, haystack, notebook, claude_session_id,
    last_activity_at, archived_at, deleted_at, local, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (client_id) DO UPDATE SET rev = excluded.rev, name = excluded.name,
    haystack = excluded.haystack, notebook = excluded.notebook,
    claude_session_id = excluded.claude_session_id, last_activity_at = excluded.last_activity_at,
    archived_at = excluded.archived_at, deleted_at = excluded.deleted_at, local = excluded.local,
    data = excluded.data
"""


def message_row(message: Message, rev: int, pos: int, was: int | None = None) -> tuple[object, ...]:
    """Return the parameters of INSERT_MESSAGE, which are UPDATE_MESSAGE's too.

    `was` is where in the order the message stands, if it does.
    """
    result = result_of(message)
    return (
        message.client_id, message.session_id, rev, order(message, pos, was), safe(message.turn_id),
        message.type, message.timestamp, message.prompt_hash, result.outcome if result else None,
        cost_of(message), result.input_tokens if result else 0,
        result.output_tokens if result else 0, dump(message), pos,
    )  # fmt: skip


def insert_many(db: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Write rows by few statements: after each one, Python's lock may have to be waited for."""
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        marks = f"({','.join('?' * len(part[0]))})"
        db.execute(f"{into} VALUES {','.join([marks] * len(part))}", list(chain(*part)))


def write_session(db: sqlite3.Connection, info: SessionInfo, rev: int) -> None:
    """Write a session's row, but for what the store itself keeps of it (`KEPT`)."""
    db.execute(
        _PUT_SESSION,
        (
            info.client_id, rev, safe(info.name), haystack(info),
            None if info.notebook is None else safe(info.notebook), info.claude_session_id,
            info.last_activity_at, info.archived_at, info.deleted_at, info.local, dump(info),
        ),
    )  # fmt: skip


def bare(info: SessionInfo) -> SessionInfo:
    """Return what stays of a deleted session: that it was, its name, and when it went."""
    return SessionInfo(
        client_id=info.client_id,
        name=info.name,
        cwd="",
        created_at=info.created_at,
        last_activity_at=info.last_activity_at,
        deleted_at=info.deleted_at,
        local=info.local,
    )


def index(db: sqlite3.Connection, pos: int, message: Message, *, remove: bool = False) -> None:
    """Add a message to full-text search, or take it out."""
    text = indexed_text(message)
    if not text:
        return
    if remove:
        db.execute(
            "INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', ?, ?)",
            (pos, text),
        )
    else:
        db.execute("INSERT INTO messages_fts (rowid, text) VALUES (?, ?)", (pos, text))


def unindex_all(db: sqlite3.Connection, session_id: str) -> None:
    """Take all messages of a session out of full-text search."""
    rows = db.execute("SELECT pos, data FROM messages WHERE session_id = ?", (session_id,))
    for pos, data in rows.fetchall():
        index(db, pos, load(Message, data), remove=True)


def gone(session_id: str, *, deleted: bool) -> SessionNotFound:
    """Make the error for a value whose session isn't there."""
    return SessionNotFound(
        "The session was deleted." if deleted else "The session does not exist.",
        f"Its id is {session_id}; nothing was saved in it.",
        "Go on in another session (`%claude_session list`), or start one (`%claude_session new`).",
    )
