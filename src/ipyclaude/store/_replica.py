"""SQL of what a replica remembers: its account, who drains the file, and how far it has read."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from ..messages import now_ms
from ._values import safe


@dataclass(frozen=True)
class Span:
    """A stretch of the server's order that is here, both ends included."""

    low: int
    high: int


@dataclass(frozen=True)
class Use:
    """What replication used on a local day (`YYYY-MM-DD`): calls, and bytes on the wire."""

    day: str
    calls: int
    bytes_up: int
    bytes_down: int


def account(db: sqlite3.Connection) -> str | None:
    """Return the account that the file is replicated to, if it was ever replicated."""
    row = db.execute("SELECT account FROM replica").fetchone()
    return row[0] if row else None


def is_fresh(db: sqlite3.Connection) -> bool:
    """Say whether the file has neither an account nor a session."""
    some = db.execute("SELECT 1 FROM sessions LIMIT 1").fetchone()
    return some is None and account(db) is None


def claim(db: sqlite3.Connection, name: str, former: Collection[str] = ()) -> str:
    """Note the account, unless one is noted that did not become it; return the one that stands."""
    stands = account(db)
    if stands is None or stands in former:
        db.execute("UPDATE replica SET account = ?", (safe(name),))
    if stands in former:
        # How far was read is told in the other's order.
        db.execute("UPDATE replica SET sessions_at = 0")
        db.execute("DELETE FROM spans")
    return account(db) or ""


def drainer(db: sqlite3.Connection, holder: str, expires_at: float | None) -> str | None:
    """Take, renew or (with None) give back the right to send; return who has it now."""
    free = "(drainer IS NULL OR drainer = ? OR drainer_expires_at <= ?)"
    if expires_at is None:
        db.execute("UPDATE replica SET drainer = NULL WHERE drainer = ?", (holder,))
    else:
        db.execute(
            f"UPDATE replica SET drainer = ?, drainer_expires_at = ? WHERE {free}",  # noqa: S608 - fixed text
            (holder, expires_at, holder, now_ms()),
        )
    row = db.execute("SELECT drainer FROM replica").fetchone()
    return row[0] if row else None


def take_from(db: sqlite3.Connection, dead: str, holder: str, expires_at: float) -> None:
    """Take the right to send from a drainer that is known to be dead."""
    db.execute(
        "UPDATE replica SET drainer = ?, drainer_expires_at = ? WHERE drainer = ?",
        (holder, expires_at, dead),
    )


def sessions_at(db: sqlite3.Connection) -> float:
    """Return up to when (server's time, epoch ms) the list of sessions was read."""
    return float(db.execute("SELECT sessions_at FROM replica").fetchone()[0])


def note_sessions_at(db: sqlite3.Connection, at: float, name: str | None) -> None:
    """Note how far the list was read, never backwards, if the account is still this one."""
    db.execute(
        "UPDATE replica SET sessions_at = max(sessions_at, ?)"
        " WHERE account IS coalesce(?, account)",
        (at, name),
    )


def spans(db: sqlite3.Connection, session_id: str) -> list[Span]:
    """Return the stretches of a session that are here, lowest first."""
    rows = db.execute(
        "SELECT low, high FROM spans WHERE session_id = ? ORDER BY low", (session_id,)
    )
    return [Span(*row) for row in rows]


def add_span(db: sqlite3.Connection, session_id: str, new: Span) -> None:
    """Note a stretch, joined with those that it touches."""
    touching = "session_id = ? AND low <= ? AND high >= ?"
    where = (session_id, new.high + 1, new.low - 1)
    row = db.execute(f"SELECT min(low), max(high) FROM spans WHERE {touching}", where).fetchone()  # noqa: S608 - fixed text
    low, high = (new.low, new.high) if row[0] is None else row
    db.execute(f"DELETE FROM spans WHERE {touching}", where)  # noqa: S608 - fixed text
    db.execute(
        "INSERT INTO spans VALUES (?, ?, ?)",
        (session_id, min(low, new.low), max(high, new.high)),
    )


def partly_here(db: sqlite3.Connection, session_id: str, ord_: int | None) -> bool:
    """Say whether the server has messages before this place that are not here."""
    row = db.execute(
        "SELECT 1 FROM spans WHERE session_id = ? AND low > 1 AND low <= ? LIMIT 1",
        (session_id, ord_ if ord_ is not None else 1 << 62),
    ).fetchone()
    return row is not None


def add_use(db: sqlite3.Connection, use: Use) -> None:
    """Add to what a day used."""
    db.execute(
        "INSERT INTO cloud_use VALUES (?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET"
        " calls = calls + excluded.calls, bytes_up = bytes_up + excluded.bytes_up,"
        " bytes_down = bytes_down + excluded.bytes_down",
        (use.day, use.calls, use.bytes_up, use.bytes_down),
    )


def uses(db: sqlite3.Connection, limit: int) -> list[Use]:
    """Return what the last days used, newest first."""
    rows = db.execute("SELECT * FROM cloud_use ORDER BY day DESC LIMIT ?", (limit,))
    return [Use(*row) for row in rows]


def only_here(db: sqlite3.Connection) -> list[str]:
    """Return the sessions that are replicated nowhere, oldest first, but for those kept here."""
    rows = db.execute(
        "SELECT client_id FROM sessions WHERE local = 1 AND deleted_at IS NULL"
        " AND json_extract(data, '$.keep_local') IS NOT 1 ORDER BY last_activity_at, client_id"
    )
    return [row[0] for row in rows]
