"""Folding what came from the server into the file: nothing newer of ours is overwritten.

A thing that has an outbox row was changed here and not sent yet, so the server's word of it
is older and is left out; what the server alone decides (a message's place, what a session
holds in all, who has its lease) is taken all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from uuid import NAMESPACE_OID, uuid5

from ..messages import Approval, Message, Phase, SessionInfo, StreamTail, TodoList, Value
from . import _outbox
from ._rows import SESSION_COLUMNS, write_session
from ._values import dump, load, message_from, safe, session_from
from ._writes import Batch

#: What a machine says of a session for itself.
_OWN = ("local", "message_count", "cost_usd", "holder", "holder_expires_at", "editors_may")
#: In which sessions a message is, be it one that grows, and an approval.
_MESSAGE_IN = (
    "SELECT session_id FROM messages WHERE client_id = :id"
    " UNION SELECT session_id FROM tails WHERE message_id = :id"
)
_APPROVAL_IN = "SELECT session_id FROM approvals WHERE client_id = :id"
#: What the server alone says of it.
_THEIRS = ("role", "owner")


def merge(batch: Batch, values: Iterable[Value]) -> bool:
    """Fold values in; those of sessions that are not, or no longer, replicated are left out.

    Return whether a to-do list or an approval was left out, since ours is on its way.
    """
    put = list[bool]()
    rest = list[Value]()
    for value in values:
        if isinstance(value, SessionInfo):
            _session(batch, value)
        else:
            rest.append(value)
    there = _replicated(batch.db, {v.session_id for v in rest if not isinstance(v, SessionInfo)})
    kept = [
        _apart(batch.db, v)
        for v in rest
        if not isinstance(v, SessionInfo) and v.session_id in there
    ]
    messages = _news(batch.db, [v for v in kept if isinstance(v, Message)])
    batch.put(messages)
    for value in kept:
        if isinstance(value, TodoList):
            put.append(_todos(batch, value))
        elif isinstance(value, Approval):
            put.append(_approval(batch, value))
        elif isinstance(value, StreamTail):
            _tail(batch, value)
    return not all(put)


def _apart(db: sqlite3.Connection, value: Value) -> Value:
    """Give a value an id of its own where another session's has the same.

    Ids are their makers' to choose, and the server knows them by session: a member of one
    session must neither overwrite nor answer what is in another.
    """
    if not isinstance(value, Message | Approval):
        return value
    known = _MESSAGE_IN if isinstance(value, Message) else _APPROVAL_IN
    homes = {row[0] for row in db.execute(known, {"id": value.client_id})}
    if homes <= {value.session_id}:
        return value
    own = uuid5(NAMESPACE_OID, f"{value.session_id} {value.client_id}")
    return value.model_copy(update={"client_id": str(own)})


def place(db: sqlite3.Connection, seqs: Iterable[tuple[str, int]]) -> None:
    """Note the server's order (S3) of messages that are here: (client id, seq)."""
    db.executemany(
        "UPDATE messages SET ord = ? WHERE client_id = ?", [(seq, mid) for mid, seq in seqs]
    )


def is_here(db: sqlite3.Connection, session_id: str) -> bool:
    """Say whether a session is here and replicated."""
    return session_id in _replicated(db, [session_id])


def _session(batch: Batch, info: SessionInfo) -> None:
    row = batch.db.execute(
        f"SELECT {SESSION_COLUMNS}, s.remote, s.deleted_at FROM sessions s WHERE s.client_id = ?",  # noqa: S608 - fixed names
        (safe(info.client_id),),
    ).fetchone()
    old = session_from(row[:-2]) if row else None
    if (row and row[-1] is not None) or (old and old.local and old.role != "none"):
        return
    if info.deleted_at is not None and old and old.role != "owner":
        _lost(batch, old)
        return
    if info.deleted_at is not None:
        # What was not sent yet is not thrown away: the server's refusal will say it.
        if old and not _unsent(batch.db, info.client_id):
            batch.put([old.model_copy(update={"deleted_at": info.deleted_at})])
        return
    kept: dict[str, object] = (
        {name: getattr(old, name) for name in _OWN} if old else {"local": False}
    )
    if info.role != "owner":
        kept |= _as_member(batch.db, info, old)
    if old and _outbox.waits(batch.db, "session", info.client_id):
        base = load(SessionInfo, row[-2]) if row[-2] else None
        kept.update(_changed_here(old, base))
    write_session(batch.db, info.model_copy(update=kept), batch.rev)
    batch.db.execute(
        "UPDATE sessions SET remote = ?, remote_count = ?, remote_cost = ? WHERE client_id = ?",
        (dump(info), info.message_count, info.cost_usd, info.client_id),
    )
    _tell(batch, info.client_id, old)


def _lost(batch: Batch, old: SessionInfo) -> None:
    """Keep what was received of a session that is not shared with us any more.

    Nothing comes in from here on. What waits to be sent stays until the server's refusal says why.
    """
    if old.role != "none":
        ended = {"role": "none", "local": True, "keep_local": True, "phase": Phase()}
        note_lease(batch, old.client_id, None)
        batch.put([old.model_copy(update=ended)])


def _as_member(
    db: sqlite3.Connection, info: SessionInfo, old: SessionInfo | None
) -> dict[str, object]:
    """Return what differs for a session that is somebody else's."""
    kept: dict[str, object] = {}
    if old and old.role == "none":  # it is shared anew
        kept |= {"local": False, "keep_local": False}
    # Nobody may hand us a memory of Claude's that passes for one of our own: it can be read.
    mine = db.execute(
        f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.claude_session_id = ?"  # noqa: S608 - fixed names
        " AND s.client_id <> ? AND s.deleted_at IS NULL",
        (info.claude_session_id, safe(info.client_id)),
    ).fetchall()
    if any(session_from(row).role == "owner" for row in mine):
        kept |= {"claude_session_id": None, "role": "viewer"}
    return kept


def _changed_here(mine: SessionInfo, base: SessionInfo | None) -> dict[str, object]:
    """Return what is not as the server last said: all of it where it said nothing yet."""
    return {
        name: value
        for name, value in dict(mine).items()
        if name not in _THEIRS and (base is None or value != getattr(base, name))
    }


def leases(batch: Batch, held: Mapping[str, tuple[str, float]]) -> None:
    """Note who holds which session on the server; where it is not said, nobody does.

    A lease that is over and was not given back stays: its holder may have died in mid-turn.
    """
    rows = batch.db.execute(
        "SELECT client_id, remote_holder, remote_expires_at FROM sessions"
        " WHERE remote_holder IS NOT NULL"
    ).fetchall()
    known = {row[0]: (row[1], row[2]) for row in rows}
    for session_id in {*known, *held}:
        lease = held.get(session_id)
        if lease != known.get(session_id):
            note_lease(batch, session_id, lease)


def note_lease(batch: Batch, session_id: str, lease: tuple[str, float] | None) -> None:
    """Note who holds one session on the server (holder, until epoch ms); None for nobody."""
    old = _stands(batch.db, session_id)
    batch.db.execute(
        "UPDATE sessions SET remote_holder = ?, remote_expires_at = ? WHERE client_id = ?"
        " AND local = 0 AND deleted_at IS NULL",
        (*(lease or (None, None)), safe(session_id)),
    )
    if old:
        _tell(batch, session_id, old)


def _stands(db: sqlite3.Connection, session_id: str) -> SessionInfo | None:
    row = db.execute(
        f"SELECT {SESSION_COLUMNS} FROM sessions s"  # noqa: S608 - fixed names
        " WHERE s.client_id = ? AND s.deleted_at IS NULL",
        (safe(session_id),),
    ).fetchone()
    return session_from(row) if row else None


def _tell(batch: Batch, session_id: str, old: SessionInfo | None) -> None:
    """Let listeners hear of a session's row if it is another one now."""
    stands = _stands(batch.db, session_id)
    if stands is not None and stands != old:
        rev = batch.note(stands)
        batch.db.execute("UPDATE sessions SET rev = ? WHERE client_id = ?", (rev, session_id))


def _unsent(db: sqlite3.Connection, session_id: str) -> bool:
    """Say whether something of a session was never sent that somebody would miss.

    Claude's memory is nothing without its session, and may be one that is never to be sent.
    """
    row = db.execute(
        "SELECT 1 FROM outbox WHERE session_id = ? AND kind NOT IN ('session', 'transcript')"
        " LIMIT 1",
        (session_id,),
    ).fetchone()
    return row is not None


def _replicated(db: sqlite3.Connection, sessions: Iterable[str | None]) -> set[str]:
    """Return which of these sessions are here, and neither deleted nor local."""
    found: set[str] = set()
    for session_id in sessions:
        row = db.execute(
            "SELECT 1 FROM sessions WHERE client_id = ? AND deleted_at IS NULL AND local = 0",
            (safe(session_id or ""),),
        ).fetchone()
        if row and session_id:
            found.add(session_id)
    return found


def _news(db: sqlite3.Connection, messages: Sequence[Message]) -> list[Message]:
    """Return the messages that are not here as they are there; place those that are."""
    news, placed = list[Message](), list[tuple[str, int]]()
    for message in messages:
        row = db.execute(
            "SELECT data, ord FROM messages WHERE client_id = ?", (message.client_id,)
        ).fetchone()
        if row is None:
            news.append(message)
            continue
        mine = message_from(*row)
        if message.seq is not None and mine.seq != message.seq:
            placed.append((message.client_id, message.seq))
            mine = mine.model_copy(update={"seq": message.seq})
        # Twice, since 0 is written as 0 or 0.0, and NaN is never equal.
        differs = mine != message and dump(mine) != dump(message)
        if differs and not _outbox.waits(db, "message", message.client_id):
            news.append(message)
    place(db, placed)
    return news


def _todos(batch: Batch, todos: TodoList) -> bool:
    row = batch.db.execute(
        "SELECT data FROM todos WHERE session_id = ?", (todos.session_id,)
    ).fetchone()
    known = load(TodoList, row[0]).todos if row else ()
    if known == todos.todos:
        return True
    state = _outbox.state_of(batch.db, "todos", todos.session_id)
    if state != "sent":
        return state == "parked"
    batch.put([todos])
    return True


def _approval(batch: Batch, approval: Approval) -> bool:
    row = batch.db.execute(
        "SELECT data FROM approvals WHERE client_id = ?", (approval.client_id,)
    ).fetchone()
    known = load(Approval, row[0]) if row else None
    if known == approval:
        return True
    if (
        known
        and not known.person
        and (approval.person or (approval.decider and not known.editors_may))
    ):
        # What runs on this machine is its person's to say, whatever the server lets others do.
        return True
    if known and approval.decider:
        approval = known.as_others_say(approval)
    # A decision that was made elsewhere ends the question here, sent or not.
    decided = known and known.status == "pending" and approval.status != "pending"
    state = _outbox.state_of(batch.db, "approval", approval.client_id)
    if known and not decided and state != "sent":
        return state == "parked"
    batch.put([approval])
    return True


def _tail(batch: Batch, tail: StreamTail) -> None:
    """Take in a piece of an answer that grows on another server, unless it has landed."""
    landed = batch.db.execute(
        "SELECT 1 FROM messages WHERE client_id = ?", (tail.message_id,)
    ).fetchone()
    if not landed:
        batch.put([tail])
