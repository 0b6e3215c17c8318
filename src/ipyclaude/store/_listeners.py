"""Telling listeners what was written: here at once, elsewhere by watching the file."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..exceptions import StoreError
from ..messages import Value
from . import Listener, _queries
from ._database import Database

_log = logging.getLogger("ipyclaude.store")

#: Seconds between two looks at the file's change counter: far below the half second promised.
POLL = 0.1


def log_error(error: Exception) -> None:
    """Report a listener's failure with its traceback; the writer goes on."""
    _log.error("A listener of the store failed.", exc_info=error)


class Listeners:
    """Calls listeners in the order of writing, one batch at a time.

    A batch that arrives while another thread is delivering is delivered by that thread, so
    no lock is held while a listener runs and a listener may itself write.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._lock = threading.Lock()
        self._listeners: dict[object, Listener] = {}
        self._queue: deque[Sequence[Value]] = deque()
        self._delivering = False

    def add(self, listener: Listener) -> object:
        """Register a listener; the token removes it."""
        token = object()
        with self._lock:
            self._listeners[token] = listener
        return token

    def remove(self, token: object) -> bool:
        """Remove a listener; True if none is left."""
        with self._lock:
            self._listeners.pop(token, None)
            return not self._listeners

    def clear(self) -> None:
        """Forget all listeners and what they were to hear."""
        with self._lock:
            self._listeners.clear()
            self._queue.clear()

    def push(self, values: Sequence[Value]) -> None:
        """Queue a batch; called in the order of commits."""
        with self._lock:
            if self._listeners and values:
                self._queue.append(values)

    def deliver(self) -> None:
        """Call the listeners with all that is queued."""
        while True:
            with self._lock:
                if self._delivering or not self._queue:
                    return
                self._delivering = True
                values = self._queue.popleft()
                listeners = list(self._listeners.values())
            try:
                for listener in listeners:
                    try:
                        listener(values)
                    except Exception as error:  # noqa: BLE001 - reported; one listener must not stop the others or the writer
                        self._on_error(error)
            finally:
                with self._lock:
                    self._delivering = False


class Watcher:
    """A thread that notices what other processes commit, while somebody listens.

    `PRAGMA data_version` (https://www.sqlite.org/pragma.html#pragma_data_version) changes
    when another connection commits; only then is anything read.
    """

    def __init__(self, database: Database, found: Callable[[Sequence[Value]], None]) -> None:
        self._database = database
        self._found = found
        self._stop = threading.Event()
        self._own: set[int] = set()
        self._own_lock = threading.Lock()
        self._connection = database.connect()
        with database.reading() as db:
            self._rev = _newest(db)
        self._thread = threading.Thread(
            target=self._run, name="ipyclaude-store-watcher", daemon=True
        )
        self._thread.start()

    def wrote(self, first: int, last: int) -> None:
        """Note revisions that this process is about to commit: they are not found again."""
        with self._own_lock:
            self._own.update(range(first, last + 1))

    def undo(self, first: int, last: int) -> None:
        """Take back `wrote`: the transaction failed, others will use these revisions."""
        with self._own_lock:
            self._own.difference_update(range(first, last + 1))

    def stop(self) -> None:
        """End the thread and wait for it, unless this is called from a listener on it."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        seen = None
        try:
            while not self._stop.wait(POLL):
                try:
                    now = self._connection.execute("PRAGMA data_version").fetchone()[0]
                    if now != seen:
                        self._look()
                        seen = now
                except (sqlite3.Error, StoreError) as error:
                    # A locked or full disk passes; the next look tries again.
                    _log.warning("The store could not be watched: %s", error)
        finally:
            self._connection.close()

    def _look(self) -> None:
        self._connection.execute("BEGIN")
        try:
            newest, pairs = _queries.since(self._connection, self._rev)
        finally:
            self._connection.execute("COMMIT")
        with self._own_lock:
            values = [value for rev, value in pairs if rev not in self._own]
            self._own = {rev for rev in self._own if rev > newest}
        self._rev = newest
        if values and not self._stop.is_set():
            self._found(values)


def _newest(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT rev FROM clock").fetchone()[0])
