"""SQL of turns that other servers may have crossed: they wrote where this machine did not know.

A turn that was begun or ended without the server's leave has a hold that is over. Before such a
turn is sent it is asked whether all that the server has beyond what the turn knew is ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from ..messages import FORKED, Message, NoticeBlock, now_ms
from . import _outbox
from ._values import load, safe

#: Places from here on are this machine's, until the server gives one.
_UNPLACED = 1 << 62
_UNSENT = (
    "SELECT m.turn_id FROM outbox o JOIN messages m ON m.client_id = o.client_id"
    " WHERE o.session_id = ? AND o.kind = 'message'"
)
_ENDED = (
    "EXISTS (SELECT 1 FROM messages WHERE session_id = holds.session_id"
    " AND turn_id = holds.turn_id AND type = 'result')"
)
_SENT = (
    "NOT EXISTS (SELECT 1 FROM messages m JOIN outbox o ON o.kind = 'message'"
    " AND o.client_id = m.client_id WHERE m.session_id = holds.session_id"
    " AND m.turn_id = holds.turn_id)"
)


@dataclass(frozen=True)
class Knew:
    """What a turn knew of its session when it began, and what of ours is there since.

    `mine` of the messages beyond the place `seq` are ours, besides what is to be sent.
    """

    seq: int
    mine: int


def note_hold(db: sqlite3.Connection, session_id: str, turn_id: str, until: float | None) -> None:
    """Note until when (epoch ms) no other server could write beside a turn; None forgets it."""
    if until is None:
        db.execute("DELETE FROM holds WHERE turn_id = ?", (safe(turn_id),))
    else:
        db.execute(
            "INSERT OR REPLACE INTO holds VALUES (?, ?, ?)",
            (safe(turn_id), safe(session_id), until),
        )


def sent(db: sqlite3.Connection, session_id: str) -> None:
    """Forget the holds of turns that have ended and are sent, whole."""
    db.execute(
        f"DELETE FROM holds WHERE session_id = ? AND {_ENDED} AND {_SENT}",  # noqa: S608 - fixed texts
        (session_id,),
    )


def knew(db: sqlite3.Connection, session_id: str, turns: Collection[str]) -> Knew | None:
    """Return what the first of these turns knew that may have been crossed; None if none may."""
    unsure = _unsure(db, session_id)
    first = next((turn for turn in turns if turn in unsure), None)
    if first is None:
        return None
    seq = _known(db, session_id, first)
    there = db.execute(
        "SELECT turn_id, client_id FROM messages WHERE session_id = ? AND ord > ? AND ord < ?",
        (session_id, seq, _UNPLACED),
    )
    own = {*turns, *unsent(db, session_id)}
    mine = [mid for turn, mid in there if turn in own]
    return Knew(seq, sum(not _outbox.waits(db, "message", mid) for mid in mine))


def unsent(db: sqlite3.Connection, session_id: str) -> list[str]:
    """Return the turns that have something to send, in order."""
    rows = db.execute(f"{_UNSENT} ORDER BY o.id", (session_id,))
    return list(dict.fromkeys(row[0] for row in rows))


def crossed(db: sqlite3.Connection, session_id: str, seq: int) -> list[str]:
    """Return the turns to send that knew nothing of a message of others at this place."""
    unsure = _unsure(db, session_id)
    waiting = [turn for turn in unsent(db, session_id) if turn in unsure]
    return [turn for turn in waiting if _known(db, session_id, turn) < seq]


def forked(db: sqlite3.Connection, claude_id: str) -> set[str]:
    """Return the turns that Claude's memory of a session does not follow."""
    rows = db.execute(
        "SELECT m.data FROM messages m JOIN sessions s ON s.client_id = m.session_id"
        " WHERE s.claude_session_id = ? AND s.deleted_at IS NULL AND m.type = 'system'"
        " AND instr(m.data, ?)",
        (safe(claude_id), FORKED),
    )
    notices = [load(Message, row[0]) for row in rows]
    return {
        message.turn_id
        for message in notices
        if any(isinstance(b, NoticeBlock) and b.kind == FORKED for b in message.content)
    }


def followed(entries: list[dict[str, Any]], turns: Collection[str]) -> list[dict[str, Any]]:
    """Leave out of a transcript what was asked in these turns, and all that came of it."""
    gone, before = set(turns), -1
    while len(gone) != before:
        before = len(gone)
        gone.update(_ids(entry for entry in entries if entry.get("parentUuid") in gone))
    return [e for e in entries if gone.isdisjoint((e.get("uuid"), e.get("leafUuid")))]


def _ids(entries: Iterable[dict[str, Any]]) -> Iterable[str]:
    return (uuid for entry in entries if isinstance(uuid := entry.get("uuid"), str))


def _unsure(db: sqlite3.Connection, session_id: str) -> set[str]:
    """Return the ended turns whose hold is over."""
    rows = db.execute(
        f"SELECT turn_id FROM holds WHERE session_id = ? AND until < ? AND {_ENDED}",  # noqa: S608 - fixed texts
        (session_id, now_ms()),
    )
    return {row[0] for row in rows}


def _known(db: sqlite3.Connection, session_id: str, turn_id: str) -> int:
    """Return up to which of the server's places all was here when a turn began."""
    row = db.execute(
        "SELECT ord FROM messages WHERE session_id = ?1 AND ord < ?3 AND pos <"
        " (SELECT min(pos) FROM messages WHERE session_id = ?1 AND turn_id = ?2)"
        " ORDER BY ord DESC LIMIT 1",
        (session_id, turn_id, _UNPLACED),
    ).fetchone()
    return int(row[0]) if row else 0
