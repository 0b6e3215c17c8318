"""`MemoryStore`, the public fake, and `StoreContract`, what every store must do.

A new store's test is a subclass with one method::

    class TestMyStore(StoreContract):
        def make_store(self, tmp_path: Path) -> Store:
            return MyStore(tmp_path)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..exceptions import SessionNotFound, StoreUnavailable
from ..messages import (
    Approval,
    Message,
    ResultBlock,
    Rule,
    SessionInfo,
    StreamTail,
    TodoList,
    Value,
    now_ms,
)
from ..store import Excerpt, Hit, Listener, Page
from ..times import day as day_of
from ._store_contract import StoreContract

__all__ = ["MemoryStore", "StoreContract"]

_KEPT = ("message_count", "cost_usd", "holder", "holder_expires_at")
V = TypeVar("V", bound=Value)


class MemoryStore:
    """A `Store` in memory, for tests: the same behaviour, nothing on disk."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type[Value], str], Value] = {}
        self._lock = threading.RLock()
        self._listeners: dict[object, Listener] = {}
        self._closed = False

    @property
    def path(self) -> Path:
        """Where it would be, were it on disk."""
        return Path(":memory:")

    def put(self, *values: Value) -> None:
        """Write all values, or none."""
        self._check()
        with self._lock:
            before = dict(self._rows)
            try:
                ordered = sorted(values, key=lambda value: not isinstance(value, SessionInfo))
                stored = [self._write(value) for value in ordered]
            except BaseException:
                self._rows = before
                raise
        self._tell(stored)

    def lease(
        self, session_id: str, holder: str, expires_at: float | None, *, granted: bool = False
    ) -> SessionInfo | None:
        """Take, renew or give back the session's lease."""
        del granted
        self._check()
        with self._lock:
            info = self._live(session_id)
            if info is None:
                return None
            free = info.holder in (None, holder) or (info.holder_expires_at or 0) <= now_ms()
            if not free or (expires_at is None and info.holder != holder):
                return info
            held = holder if expires_at is not None else None
            info = info.model_copy(update={"holder": held, "holder_expires_at": expires_at})
            self._rows[SessionInfo, session_id] = info
        self._tell([info])
        return info

    def decide(self, approval: Approval) -> Approval:
        """Write a decision if it is still pending; return what now stands."""
        self._check()
        with self._lock:
            stands = self._rows.get((Approval, approval.client_id))
            if isinstance(stands, Approval) and stands.status != "pending":
                return stands
            self._write(approval)
        self._tell([approval])
        return approval

    def delete_session(self, session_id: str) -> None:
        """Delete a session with all that belongs to it."""
        self._check()
        with self._lock:
            info = self._live(session_id)
            if info is None:
                return
            info = self._bury(info.model_copy(update={"deleted_at": now_ms()}))
        self._tell([info])

    def session(self, ref: str) -> SessionInfo | None:
        """Find a session by id, exact name, or unique id prefix."""
        infos = self._sessions()
        for found in (
            [s for s in infos if s.client_id == ref],
            sorted((s for s in infos if s.name == ref), key=lambda s: s.role != "owner")[:1],
            [s for s in infos if len(ref) >= 8 and s.client_id.startswith(ref)],
        ):
            if len(found) == 1:
                return found[0]
        return None

    def sessions(
        self,
        query: str = "",
        *,
        archived: bool = False,
        limit: int = 50,
        offset: int = 0,
        notebook: str | None = None,
    ) -> list[SessionInfo]:
        """List sessions, most recently active first."""
        wanted = query.casefold().split()
        found = [
            s
            for s in self._sessions()
            if (archived or s.archived_at is None)
            and (notebook is None or s.notebook == notebook)
            and all(w in f"{s.name}\n{s.title}\n{s.cwd}".casefold() for w in wanted)
        ]
        return found[offset : offset + limit]

    def messages(
        self,
        session_id: str,
        *,
        before: str | None = None,
        limit: int = 100,
        turn_id: str | None = None,
    ) -> Page:
        """Return a page that ends before a message, else at the end."""
        rows = self._messages(session_id)
        if before is not None:
            place = next((i for i, m in enumerate(rows) if m.client_id == before), 0)
            rows = rows[:place]
        if turn_id is not None:
            rows = [m for m in rows if m.turn_id == turn_id]
        start = max(0, len(rows) - limit)
        return Page(tuple(rows[start:]), more=start > 0)

    def answered(self, session_id: str, prompt_hash: str) -> list[Message]:
        """Return prompts with this hash whose turn ended with outcome `done`."""
        rows = self._messages(session_id)
        done = {m.turn_id for m in rows if (r := _result(m)) is not None and r.outcome == "done"}
        return [m for m in rows if m.prompt_hash == prompt_hash and m.turn_id in done]

    def todos(self, session_id: str) -> TodoList:
        """Return the session's to-do list."""
        found = [t for t in self._all(TodoList) if t.session_id == session_id]
        return found[0] if found else TodoList(client_id=session_id, session_id=session_id)

    def tails(self, session_id: str) -> list[StreamTail]:
        """Return the pieces of unfinished answers."""
        rows = [t for t in self._all(StreamTail) if t.session_id == session_id]
        first = list(dict.fromkeys(t.message_id for t in rows))
        return sorted(rows, key=lambda t: (first.index(t.message_id), t.start))

    def approvals(self, session_id: str, *, pending: bool = True) -> list[Approval]:
        """Return the session's approvals, oldest first."""
        rows = [a for a in self._all(Approval) if a.session_id == session_id]
        return [a for a in rows if not pending or a.status == "pending"]

    def rules(self, session_id: str | None = None) -> list[Rule]:
        """Return the rules in force."""
        wanted = (None, session_id)
        return [r for r in self._all(Rule) if r.revoked_at is None and r.session_id in wanted]

    def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """Search messages that hold all words, the last one as a prefix."""
        from ..store._values import snippet, words

        wanted = [word.casefold() for word in words(text)]
        hits = list[Hit]()
        for info in self._sessions() if wanted else []:
            for message in reversed(self._messages(info.client_id)):
                has = [word.casefold() for word in words(message.text)]
                starts = any(word.startswith(wanted[-1]) for word in has)
                if starts and set(wanted[:-1]) <= set(has):
                    hits.append(Hit(info, message, snippet(message.text, text)))
        return hits[:limit]

    def find(
        self, session_id: str, text: str, *, limit: int = 50, offset: int = 0
    ) -> list[Excerpt]:
        """Return the session's messages that hold all words, newest first; else its prompts."""
        from ..store._values import snippet, words

        wanted = words(text)
        hit = {h.message.client_id for h in self.search(text, limit=10**9)}
        found = [
            message
            for message in reversed(self._messages(session_id))
            if (message.client_id in hit if wanted else message.type == "user")
        ]
        wanted_part = found[offset : offset + limit]
        return [Excerpt(message, snippet(message.text, text)) for message in wanted_part]

    def usage(self, session_id: str | None = None) -> list[dict[str, object]]:
        """Return cost and tokens by day and session, newest day first."""
        sums: dict[tuple[str, str], list[float]] = {}
        for message in self._all(Message):
            if message.type != "result" or session_id not in (None, message.session_id):
                continue
            result = _result(message) or ResultBlock()
            if not _cost(message) + result.input_tokens + result.output_tokens:
                continue
            day = day_of(message.timestamp)
            new = [1, _cost(message), result.input_tokens, result.output_tokens]
            old = sums.get((day, message.session_id), [0, 0, 0, 0])
            sums[day, message.session_id] = [a + b for a, b in zip(old, new, strict=True)]
        names = {s.client_id: s.name for s in self._sessions()}
        keys = ("turns", "cost_usd", "input_tokens", "output_tokens")
        ordered = sorted(sums.items(), key=lambda kv: (kv[0][0], kv[1][1]), reverse=True)
        return [
            {"day": day, "session_id": s, "name": names[s], **dict(zip(keys, values, strict=True))}
            for (day, s), values in ordered
        ]

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with what is written from now on."""
        self._check()
        token = object()
        self._listeners[token] = listener

        def unsubscribe() -> None:
            self._listeners.pop(token, None)

        return unsubscribe

    def close(self) -> None:
        """Close it; further calls raise `StoreUnavailable`."""
        self._closed = True
        self._listeners.clear()

    def _check(self) -> None:
        if self._closed:
            raise StoreUnavailable("The store is closed.", "", "Make a new one.")

    def _all(self, model: type[V]) -> list[V]:
        self._check()
        with self._lock:
            return [row for row in self._rows.values() if isinstance(row, model)]

    def _sessions(self) -> list[SessionInfo]:
        rows = [s for s in self._all(SessionInfo) if s.deleted_at is None]
        return sorted(rows, key=lambda s: (s.last_activity_at, s.client_id), reverse=True)

    def _messages(self, session_id: str) -> list[Message]:
        rows = [m for m in self._all(Message) if m.session_id == session_id]
        return sorted(rows, key=lambda m: (m.seq is None, m.seq or 0))

    def _live(self, session_id: str | None) -> SessionInfo | None:
        row = self._rows.get((SessionInfo, session_id or ""))
        return row if isinstance(row, SessionInfo) and row.deleted_at is None else None

    def _write(self, value: Value) -> Value:
        key = (type(value), value.client_id)
        if isinstance(value, SessionInfo):
            return self._write_session(value)
        if value.session_id is not None and self._live(value.session_id) is None:
            raise SessionNotFound("The session does not exist, or was deleted.")
        if isinstance(value, Message):
            self._count(value)
            old = self._rows.get(key)
            if value.seq is None and isinstance(old, Message):
                value = value.model_copy(update={"seq": old.seq})
        self._rows[key] = value
        return value

    def _write_session(self, info: SessionInfo) -> SessionInfo:
        old = self._rows.get((SessionInfo, info.client_id))
        if isinstance(old, SessionInfo) and old.deleted_at is not None:
            raise SessionNotFound("The session was deleted.")
        kept = {k: getattr(old, k, SessionInfo.model_fields[k].default) for k in _KEPT}
        info = info.model_copy(update=kept)
        self._rows[SessionInfo, info.client_id] = info
        return info if info.deleted_at is None else self._bury(info)

    def _count(self, message: Message) -> None:
        old = self._rows.get((Message, message.client_id))
        info = self._live(message.session_id)
        assert info is not None
        was = _cost(old) if isinstance(old, Message) else 0
        update = {
            "message_count": info.message_count + (old is None),
            "cost_usd": info.cost_usd + _cost(message) - was,
        }
        self._rows[SessionInfo, info.client_id] = info.model_copy(update=update)
        for tail in [t for t in self._all(StreamTail) if t.message_id == message.client_id]:
            del self._rows[StreamTail, tail.client_id]

    def _bury(self, info: SessionInfo) -> SessionInfo:
        for key, row in list(self._rows.items()):
            if getattr(row, "session_id", None) == info.client_id:
                del self._rows[key]
        bare = SessionInfo(
            client_id=info.client_id,
            name=info.name,
            cwd="",
            created_at=info.created_at,
            last_activity_at=info.last_activity_at,
            deleted_at=info.deleted_at,
            local=info.local,
        )
        self._rows[SessionInfo, info.client_id] = bare
        return bare

    def _tell(self, values: Sequence[Value]) -> None:
        for listener in list(self._listeners.values()) if values else []:
            listener(values)


def _result(message: Message) -> ResultBlock | None:
    if message.type != "result":
        return None
    return next((b for b in message.content if isinstance(b, ResultBlock)), None)


def _cost(message: Message) -> float:
    if message.type != "result":
        return 0
    if message.cost is not None:
        return message.cost
    result = _result(message)
    return result.cost_usd if result else 0
