"""The real store: one SQLite file that several kernels share.

SQL lives in this package only: `migrations.py` (the schema), `_writes.py`, `_rows.py`,
`_queries.py`, `_outbox.py`, `_chunks.py` (transcripts) and `_imports.py`; this file holds the
transactions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..messages import (
    Approval,
    Message,
    Rule,
    SessionInfo,
    StreamTail,
    TodoList,
    Value,
)
from . import Excerpt, Hit, Listener, Page, _outbox, _queries
from ._database import Database, JournalWarning, on_network_disk
from ._listeners import Listeners, Watcher, log_error
from ._outbox import OutboxRow
from ._values import safe
from ._writes import Batch

__all__ = ["JournalWarning", "OutboxRow", "SqliteStore"]


class SqliteStore:
    """The `Store` on a SQLite file.

    May be used from any thread; not in a forked child (open it anew there).

    Parameters
    ----------
    path
        The file. It and its folder are made where missing, readable by this user only.
    busy_timeout
        Seconds to wait while another process holds the write lock.
    is_network
        Tells whether a folder is on a network disk, where SQLite's WAL can't work.
    on_listener_error
        Is told when a listener raises; by default it is logged with its traceback.

    Raises
    ------
    StoreUnavailable, StoreReadOnly, StoreFull, StoreLocked, StoreTooNew
        If the file can't be used; it is left as it is.
    StoreCorrupt
        If the file is damaged; it was renamed, and opening again starts an empty store.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout: float = 10.0,
        is_network: Callable[[Path], bool] = on_network_disk,
        on_listener_error: Callable[[Exception], None] = log_error,
    ) -> None:
        self._database = Database(
            Path(path).expanduser(), busy_timeout=busy_timeout, is_network=is_network
        )
        self._listeners = Listeners(on_listener_error)
        self._watcher: Watcher | None = None

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._database.path

    @property
    def journal(self) -> str:
        """SQLite's journal mode in use: `wal`, or `delete` where WAL can't work."""
        return self._database.journal

    @property
    def database(self) -> Database:
        """The connections, for the other modules of this package."""
        return self._database

    @contextmanager
    def batch(self, *, announce: bool = True, tell: bool = True) -> Generator[Batch, None, None]:
        """Run one write transaction and tell the listeners; for modules of this package."""
        # The lock is held beyond the commit, so that batches are queued in commit order.
        with self._database.write_lock:
            watcher, batch = self._watcher, None
            try:
                with self._database.writing() as db:
                    batch = Batch(db, announce=announce, tell=tell)
                    yield batch
                    batch.finish()
                    if watcher:
                        watcher.wrote(batch.first, batch.rev)
            except BaseException:
                if watcher and batch:
                    watcher.undo(batch.first, batch.rev)
                raise
            self._listeners.push(batch.changed)
        self._listeners.deliver()

    def put(self, *values: Value) -> None:
        """Write all values in one transaction, with their outbox rows (S1, S2).

        Raises
        ------
        SessionNotFound
            If a value's session doesn't exist or was deleted; nothing is written.
        """
        if values:
            with self.batch() as batch:
                batch.put(values)

    def lease(
        self, session_id: str, holder: str, expires_at: float | None, *, granted: bool = False
    ) -> SessionInfo | None:
        """Take, renew or (with `expires_at` None) give back the session's lease (S4)."""
        with self.batch() as batch:
            return batch.lease(session_id, holder, expires_at, granted=granted)

    def decide(self, approval: Approval) -> Approval:
        """Write a decision if it is still pending; return the row as it now stands."""
        with self.batch() as batch:
            return batch.decide(approval)

    def delete_session(self, session_id: str) -> None:
        """Delete a session with all that belongs to it, transcripts included."""
        with self.batch() as batch:
            batch.delete(session_id)

    def session(self, ref: str) -> SessionInfo | None:
        """Find a session by id, exact name, unique id prefix, or the CLI's own id."""
        with self._database.reading() as db:
            return _queries.session(db, ref)

    def sessions(
        self,
        query: str = "",
        *,
        archived: bool = False,
        limit: int = 50,
        offset: int = 0,
        notebook: str | None = None,
    ) -> list[SessionInfo]:
        """List sessions, most recently active first; `archived` includes archived ones."""
        with self._database.reading() as db:
            return _queries.sessions(
                db, query, archived=archived, limit=limit, offset=offset, notebook=notebook
            )

    def messages(
        self,
        session_id: str,
        *,
        before: str | None = None,
        limit: int = 100,
        turn_id: str | None = None,
    ) -> Page:
        """Return the last `limit` messages before the message `before` (else the end)."""
        with self._database.reading() as db:
            return _queries.messages(db, session_id, before=before, limit=limit, turn_id=turn_id)

    def answered(self, session_id: str, prompt_hash: str) -> list[Message]:
        """Return prompts (oldest first) with this hash whose turn ended with outcome `done`."""
        with self._database.reading() as db:
            return _queries.answered(db, session_id, prompt_hash)

    def todos(self, session_id: str) -> TodoList:
        """Return the session's to-do list, empty if it has none."""
        with self._database.reading() as db:
            return _queries.todos(db, session_id)

    def tails(self, session_id: str) -> list[StreamTail]:
        """Return the pieces of unfinished answers, by message (oldest first) and start."""
        with self._database.reading() as db:
            return _queries.tails(db, session_id)

    def approvals(self, session_id: str, *, pending: bool = True) -> list[Approval]:
        """Return the session's approvals, oldest first; only the pending ones by default."""
        with self._database.reading() as db:
            return _queries.approvals(db, session_id, pending=pending)

    def rules(self, session_id: str | None = None) -> list[Rule]:
        """Return the rules in force everywhere, and those of `session_id`."""
        with self._database.reading() as db:
            return _queries.rules(db, session_id)

    def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """Search messages that hold all words (the last one as a prefix), best first."""
        with self._database.reading() as db:
            return _queries.search(db, text, limit)

    def find(
        self, session_id: str, text: str, *, limit: int = 50, offset: int = 0
    ) -> list[Excerpt]:
        """Return the session's messages that hold all words, newest first; else its prompts."""
        with self._database.reading() as db:
            return _queries.find(db, session_id, text, limit, offset)

    def usage(self, session_id: str | None = None) -> list[dict[str, object]]:
        """Return cost (USD) and tokens by local day and session, newest day first."""
        with self._database.reading() as db:
            return _queries.usage(db, session_id)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with what any process wrote after now; return the unsubscriber.

        A value that another process wrote several times between two looks arrives once, as
        it then stands.
        """
        with self._database.write_lock:
            if self._watcher is None:
                self._watcher = Watcher(self._database, self._heard)
            token = self._listeners.add(listener)

        def unsubscribe() -> None:
            with self._database.write_lock:
                if not self._listeners.remove(token):
                    return
                watcher, self._watcher = self._watcher, None
            if watcher:
                watcher.stop()

        return unsubscribe

    def outbox(self, limit: int = 100, *, parked: bool = False) -> list[OutboxRow]:
        """Return what has yet to be replicated, oldest first."""
        with self._database.reading() as db:
            return _outbox.pending(db, limit, parked=parked)

    def acknowledge(self, rows: Sequence[OutboxRow]) -> None:
        """Take what was replicated out of the outbox, unless it changed again meanwhile."""
        with self._database.writing() as db:
            _outbox.acknowledge(db, list(rows))

    def postpone(self, row: OutboxRow, error: str, *, park: bool = False) -> None:
        """Note why a row could not be replicated; `park` it where trying again is useless."""
        with self._database.writing() as db:
            _outbox.postpone(db, row, safe(error), park=park)

    def close(self) -> None:
        """Close files and threads; further calls raise `StoreUnavailable`."""
        with self._database.write_lock:
            watcher, self._watcher = self._watcher, None
        if watcher:
            watcher.stop()
        self._listeners.clear()
        self._database.close()

    def _heard(self, values: Sequence[Value]) -> None:
        self._listeners.push(values)
        self._listeners.deliver()
