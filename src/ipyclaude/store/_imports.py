"""SQL of imports: how far each history file has been read."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Literal

from ..messages import SessionInfo
from ._rows import SESSION_COLUMNS
from ._values import safe, session_from


@dataclass
class Mark:
    """How far a file was read: `offset` in bytes, `line` in lines, and the reader's state."""

    path: str
    session_id: str
    size: int = 0
    mtime_ns: int = 0
    offset: int = 0
    line: int = 0
    state: dict[str, Any] = field(default_factory=dict[str, Any])


def known(db: sqlite3.Connection) -> set[str]:
    """Return the paths that were read, and both ids of all sessions, deleted ones too."""
    rows = db.execute(
        "SELECT path FROM imports UNION ALL SELECT client_id FROM sessions"
        " UNION ALL SELECT claude_session_id FROM sessions WHERE claude_session_id IS NOT NULL"
    )
    return {row[0] for row in rows}


def read(db: sqlite3.Connection, path: str) -> Mark | None:
    """Return a file's mark, None if it was never read."""
    row = db.execute("SELECT * FROM imports WHERE path = ?", (safe(path),)).fetchone()
    if row is None:
        return None
    _, session_id, size, mtime_ns, offset, line, state = row
    return Mark(path, session_id, size, mtime_ns, offset, line, json.loads(state))


def write(db: sqlite3.Connection, mark: Mark) -> None:
    """Note how far a file was read, in the transaction that stores what was read."""
    db.execute(
        "INSERT OR REPLACE INTO imports VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            safe(mark.path), mark.session_id, mark.size, mark.mtime_ns, mark.offset, mark.line,
            json.dumps(mark.state),
        ),
    )  # fmt: skip


def restart(db: sqlite3.Connection, session_id: str, claude_id: str) -> None:
    """Forget how far a session's files were read, and their transcripts: they were rewritten."""
    db.execute("DELETE FROM imports WHERE session_id = ?", (session_id,))
    db.execute("DELETE FROM transcripts WHERE session_id = ?", (safe(claude_id),))


def was_deleted(db: sqlite3.Connection, session_id: str) -> bool:
    """Tell whether the session was here and was deleted."""
    row = db.execute(
        "SELECT 1 FROM sessions WHERE client_id = ? AND deleted_at IS NOT NULL", (session_id,)
    ).fetchone()
    return row is not None


def session(
    db: sqlite3.Connection, by: Literal["client_id", "claude_session_id"], id_: str
) -> SessionInfo | None:
    """Return the session of this id, if it is here; one's own first."""
    rows = db.execute(
        f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.{by} = ? AND s.deleted_at IS NULL"  # noqa: S608 - fixed names
        " ORDER BY s.last_activity_at DESC",
        (safe(id_),),
    ).fetchall()
    return min(map(session_from, rows), key=lambda info: info.role != "owner", default=None)
