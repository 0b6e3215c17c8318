"""SQL that reads values; every list and page is served by an index."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..messages import Approval, Message, Rule, SessionInfo, StreamTail, TodoList, Value
from . import Excerpt, Hit, Page
from ._replica import partly_here
from ._rows import SESSION_COLUMNS
from ._values import load, match, message_from, safe, session_from, snippet

_SESSION = f"SELECT {SESSION_COLUMNS} FROM sessions s"  # noqa: S608 - fixed names
_PREFIX = "client_id >= ? AND client_id < ?"
_BEFORE = " AND (ord, pos) < (?, ?)"


def session(db: sqlite3.Connection, ref: str) -> SessionInfo | None:
    """Find a session by id, name, unique prefix of its id, or the CLI's own id."""
    ref = safe(ref)
    tries: list[tuple[str, tuple[object, ...]]] = [("client_id = ?", (ref,)), ("name = ?", (ref,))]
    if len(ref) >= 8:
        tries.append((_PREFIX, (ref, ref + "\U0010ffff")))
        tries.append(("claude_session_id = ?", (ref,)))
    for where, parameters in tries:
        rows = db.execute(
            f"{_SESSION} WHERE {where} AND deleted_at IS NULL ORDER BY last_activity_at DESC",
            parameters,
        ).fetchall()
        if rows and (where != _PREFIX or len(rows) == 1):
            # One's own first: others may call theirs the same, and wait for what is said to it.
            return min(map(session_from, rows), key=lambda info: info.role != "owner")
    return None


def sessions(
    db: sqlite3.Connection,
    query: str,
    *,
    archived: bool,
    limit: int,
    offset: int,
    notebook: str | None,
) -> list[SessionInfo]:
    """List sessions, most recently active first."""
    where, parameters = ["deleted_at IS NULL"], list[object]()
    if not archived:
        where.append("archived_at IS NULL")
    if notebook is not None:
        where.append("notebook = ?")
        parameters.append(safe(notebook))
    for word in safe(query).casefold().split():
        where.append("instr(haystack, ?) > 0")
        parameters.append(word)
    rows = db.execute(
        f"{_SESSION} WHERE {' AND '.join(where)}"
        " ORDER BY last_activity_at DESC, client_id DESC LIMIT ? OFFSET ?",
        (*parameters, limit, offset),
    )
    return [session_from(row) for row in rows]


def messages(
    db: sqlite3.Connection, session_id: str, *, before: str | None, limit: int, turn_id: str | None
) -> Page:
    """Return a page that ends before a message, else at the end."""
    where, parameters = "session_id = ?", list[object]([safe(session_id)])
    if turn_id is not None:
        where += " AND turn_id = ?"
        parameters.append(safe(turn_id))
    if before is not None:
        place = db.execute(
            "SELECT ord, pos FROM messages WHERE client_id = ?", (safe(before),)
        ).fetchone()
        if place is None:
            return Page((), more=False)
        where += _BEFORE
        parameters.extend(place)
    rows = db.execute(
        f"SELECT data, ord FROM messages WHERE {where} ORDER BY ord DESC, pos DESC LIMIT ?",  # noqa: S608 - fixed texts
        (*parameters, limit + 1),
    ).fetchall()
    kept = [message_from(*row) for row in reversed(rows[:limit])]
    more = len(rows) > limit or (
        turn_id is None and partly_here(db, session_id, rows[-1][1] if rows else None)
    )
    return Page(tuple(kept), more=more)


def answered(db: sqlite3.Connection, session_id: str, prompt_hash: str) -> list[Message]:
    """Return prompts with this hash whose turn ended well."""
    rows = db.execute(
        "SELECT data, ord FROM messages m WHERE session_id = ? AND prompt_hash = ? AND EXISTS ("
        " SELECT 1 FROM messages r WHERE r.session_id = m.session_id AND r.turn_id = m.turn_id"
        " AND r.type = 'result' AND r.outcome = 'done') ORDER BY ord, pos",
        (safe(session_id), prompt_hash),
    )
    return [message_from(*row) for row in rows]


def todos(db: sqlite3.Connection, session_id: str) -> TodoList:
    """Return the to-do list of a session."""
    row = db.execute("SELECT data FROM todos WHERE session_id = ?", (safe(session_id),)).fetchone()
    return load(TodoList, row[0]) if row else TodoList(client_id=session_id, session_id=session_id)


def tails(db: sqlite3.Connection, session_id: str) -> list[StreamTail]:
    """Return the pieces of unfinished answers."""
    rows = db.execute(
        "SELECT t.data FROM tails t JOIN (SELECT message_id, min(pos) AS first FROM tails"
        " WHERE session_id = ? GROUP BY message_id) m ON m.message_id = t.message_id"
        " WHERE t.session_id = ? ORDER BY m.first, t.start, t.pos",
        (safe(session_id), safe(session_id)),
    )
    return [load(StreamTail, row[0]) for row in rows]


def approvals(db: sqlite3.Connection, session_id: str, *, pending: bool) -> list[Approval]:
    """Return the approvals of a session, oldest first."""
    also = " AND status = 'pending'" if pending else ""
    rows = db.execute(
        f"SELECT data FROM approvals WHERE session_id = ?{also} ORDER BY pos",  # noqa: S608 - fixed texts
        (safe(session_id),),
    )
    return [load(Approval, row[0]) for row in rows]


def rules(db: sqlite3.Connection, session_id: str | None) -> list[Rule]:
    """Return the rules in force everywhere and in this session."""
    rows = db.execute(
        "SELECT data FROM rules WHERE revoked = 0 AND (session_id IS NULL OR session_id = ?)"
        " ORDER BY pos",
        (None if session_id is None else safe(session_id),),
    )
    return [load(Rule, row[0]) for row in rows]


_HOLDS = "m.pos IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH ?)"


def search(db: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    """Search messages, best first."""
    query = match(text)
    if not query:
        return []
    rows = db.execute(
        f"SELECT m.data, m.ord, {SESSION_COLUMNS}"  # noqa: S608 - fixed names
        " FROM (SELECT rowid AS pos, rank AS score FROM messages_fts"
        " WHERE messages_fts MATCH ? ORDER BY rank LIMIT ?) f"
        " JOIN messages m ON m.pos = f.pos JOIN sessions s ON s.client_id = m.session_id"
        " ORDER BY f.score, m.pos DESC",
        (query, limit),
    )
    hits = list[Hit]()
    for data, ord_, *rest in rows:
        message = message_from(data, ord_)
        hits.append(Hit(session_from(tuple(rest)), message, snippet(message.text, text)))
    return hits


def find(
    db: sqlite3.Connection, session_id: str, text: str, limit: int, offset: int
) -> list[Excerpt]:
    """Return a session's messages that hold all words, newest first; else its prompts."""
    query = match(text)
    found, named = ("m.type = 'user'", ()) if not query else (_HOLDS, (query,))
    rows = db.execute(
        f"SELECT m.data, m.ord FROM messages m WHERE {found} AND m.session_id = ?"  # noqa: S608 - fixed texts
        " ORDER BY m.ord DESC, m.pos DESC LIMIT ? OFFSET ?",
        (*named, safe(session_id), limit, offset),
    )
    messages = [message_from(*row) for row in rows]
    return [Excerpt(message, snippet(message.text, text)) for message in messages]


def usage(db: sqlite3.Connection, session_id: str | None) -> list[dict[str, object]]:
    """Sum up the turns that used something by local day and session, newest day first."""
    only = " AND m.session_id = ?" if session_id is not None else ""
    rows = db.execute(
        "SELECT strftime('%Y-%m-%d', m.timestamp / 1000, 'unixepoch', 'localtime') AS day,"  # noqa: S608 - fixed texts
        " m.session_id, s.data, count(*), sum(m.cost_usd), sum(m.input_tokens),"
        " sum(m.output_tokens) FROM messages m JOIN sessions s ON s.client_id = m.session_id"
        " WHERE m.type = 'result' AND m.cost_usd + m.input_tokens + m.output_tokens > 0"
        f"{only} GROUP BY day, m.session_id"
        " ORDER BY day DESC, sum(m.cost_usd) DESC, m.session_id",
        () if session_id is None else (safe(session_id),),
    )
    keys = ("day", "session_id", "name", "turns", "cost_usd", "input_tokens", "output_tokens")
    lines = list[dict[str, object]]()
    for row in rows:
        line: dict[str, object] = dict(zip(keys, row, strict=True))
        lines.append({**line, "name": load(SessionInfo, row[2]).name})
    return lines


def since(db: sqlite3.Connection, rev: int) -> tuple[int, list[tuple[int, Value]]]:
    """Return the newest revision, and all values that are newer than `rev`, in order."""
    newest = int(db.execute("SELECT rev FROM clock").fetchone()[0])
    if newest == rev:
        return newest, []
    rows = db.execute(
        f"SELECT {SESSION_COLUMNS}, s.rev FROM sessions s WHERE s.rev > ?",  # noqa: S608 - fixed names
        (rev,),
    )
    found: list[tuple[int, Value]] = [(row[-1], session_from(row[:-1])) for row in rows]
    models: dict[str, Any] = {
        "todos": TodoList,
        "tails": StreamTail,
        "approvals": Approval,
        "rules": Rule,
    }
    rows = db.execute("SELECT rev, data, ord FROM messages WHERE rev > ?", (rev,))
    found.extend((row[0], message_from(*row[1:])) for row in rows)
    for table, model in models.items():
        rows = db.execute(f"SELECT rev, data FROM {table} WHERE rev > ?", (rev,))  # noqa: S608 - fixed names
        found.extend((row[0], load(model, row[1])) for row in rows)
    found.sort(key=lambda pair: pair[0])
    return newest, found
