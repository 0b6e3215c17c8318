"""What a replica needs of the store, and nobody else: the outbox, folding in, cursors.

A replica sends `parcels` and acknowledges them; it folds what it hears by `merge`. One kernel
at a time sends for all that share the file (`drain`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..messages import Approval, Message, SessionInfo, TodoList, Value
from . import _chunks, _crossing, _merge, _outbox, _replica
from ._crossing import Knew
from ._lines import Chunk, Key
from ._outbox import Kind, OutboxRow
from ._replica import Span, Use
from ._rows import SESSION_COLUMNS
from ._values import load, message_from, safe, session_from
from .sqlite import SqliteStore

__all__ = [
    "Chunk",
    "Key",
    "Kind",
    "Knew",
    "OutboxRow",
    "Parcel",
    "Replication",
    "Span",
    "Use",
    "Waiting",
]

Content = SessionInfo | Message | TodoList | Approval | Chunk | Key


@dataclass(frozen=True)
class Parcel:
    """An outbox row, and what it stands for now; None if that is gone.

    A `Key` is a transcript to delete.
    """

    row: OutboxRow
    value: Content | None
    #: What it takes in the file, in bytes.
    size: int
    #: A session as the server last said it was, if it did.
    base: SessionInfo | None = None


@dataclass(frozen=True)
class Waiting:
    """What the outbox holds: rows to send, since when (epoch ms), and rows that are parked."""

    rows: int = 0
    since: float | None = None
    parked: int = 0


class Replication:
    """The replica's side of a `SqliteStore`. All methods may be called from any thread.

    Raises
    ------
    StoreError
        From every method, with what to do.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._account: str | None = None

    # -- who ---------------------------------------------------------------------------

    def claim(self, account: str, former: Collection[str] = ()) -> str:
        """Bind the file to an account, unless it is bound; return the one that stands.

        A file of a `former` one, which has become this one, is read anew from the beginning.
        """
        with self._store.database.writing() as db:
            self._account = _replica.claim(db, account, former)
            return self._account

    @property
    def is_fresh(self) -> bool:
        """Whether the file belongs to no account, and nothing is in it."""
        with self._store.database.reading() as db:
            return _replica.is_fresh(db)

    def drain(
        self, holder: str, expires_at: float | None, *, dead: Callable[[str], bool] | None = None
    ) -> bool:
        """Take, renew or (with `expires_at` None) give back the right to send; say if we have it.

        `dead` tells whether a holder is known to have died before its time was over.
        """
        with self._store.database.writing() as db:
            stands = _replica.drainer(db, holder, expires_at)
            if stands not in (None, holder) and expires_at and dead and dead(stands):
                _replica.take_from(db, stands, holder, expires_at)
                return True
            return stands == holder

    def note_use(self, day: str, *, calls: int, bytes_up: int, bytes_down: int) -> None:
        """Add to what replication used on a day (`YYYY-MM-DD`)."""
        with self._store.database.writing() as db:
            _replica.add_use(db, Use(day, calls, bytes_up, bytes_down))

    def uses(self, limit: int = 30) -> list[Use]:
        """Return what replication used on the last days on which it did, newest first."""
        with self._store.database.reading() as db:
            return _replica.uses(db, limit)

    # -- what is only here ---------------------------------------------------------------

    def only_here(self) -> list[str]:
        """Return the sessions that are only here, but for those that are to stay so."""
        with self._store.database.reading() as db:
            return _replica.only_here(db)

    def remove_here(self, session_id: str) -> None:
        """Delete a session from this machine alone; nothing of it comes back by itself."""
        with self._store.batch(announce=False) as batch:
            batch.delete(session_id)

    # -- up ----------------------------------------------------------------------------

    def parcels(
        self,
        *,
        limit: int,
        size: int,
        skip: Collection[str] = (),
        without: Collection[Kind] = (),
    ) -> list[Parcel]:
        """Return what one session has to send, oldest first: one row, or more within `size` bytes.

        Sessions in `skip` wait; rows of a kind in `without` are never sent.
        """
        found, total = list[Parcel](), 0
        with self._store.database.reading() as db:
            session_id = _outbox.next_session(db, skip, without)
            if session_id is None:
                return []
            for row in _outbox.of_session(db, session_id, without, limit):
                parcel = _parcel(db, row)
                total += parcel.size
                if found and total > size:
                    break
                found.append(parcel)
        return found

    def acknowledge(
        self,
        rows: Sequence[OutboxRow],
        *,
        seqs: Mapping[str, int] | None = None,
        chunks: Mapping[str, int] | None = None,
        session: SessionInfo | None = None,
    ) -> None:
        """Take out what was sent, unless it changed meanwhile, and note what the server said.

        That is the order that messages and chunks got (S3), and how the session now stands.
        """
        with self._store.batch(announce=False) as batch:
            _merge.place(batch.db, (seqs or {}).items())
            for chunk_id, seq in (chunks or {}).items():
                _chunks.numbered(batch.db, chunk_id, seq)
            _outbox.acknowledge(batch.db, rows)
            for session_id in {row.session_id for row in rows}:
                _crossing.sent(batch.db, session_id)
            if session is not None:
                _merge.merge(batch, [session])

    def postpone(self, rows: Sequence[OutboxRow], error: str, *, park: bool = False) -> None:
        """Note why rows could not be sent; `park` those that the server refuses for good."""
        with self._store.database.writing() as db:
            for row in rows:
                _outbox.postpone(db, row, safe(error), park=park)

    def waiting(self, session_id: str | None = None, *, without: Collection[Kind] = ()) -> Waiting:
        """Count what the outbox holds, of one session or of all."""
        with self._store.database.reading() as db:
            return Waiting(*_outbox.counts(db, without, session_id))

    def parked(self, limit: int = 100, *, without: Collection[Kind] = ()) -> list[OutboxRow]:
        """Return the rows that the server refused, oldest first, each with its reason."""
        with self._store.database.reading() as db:
            return _outbox.pending(db, limit, parked=True, without=without)

    def retry(self, session_id: str | None = None) -> int:
        """Let what is parked be tried again; return how many rows."""
        with self._store.database.writing() as db:
            return _outbox.retry(db, session_id)

    def drop(self, session_id: str | None = None) -> int:
        """Give up sending what is parked; it stays here. Return how many rows."""
        with self._store.database.writing() as db:
            return _outbox.drop(db, session_id)

    # -- turns that others may have crossed ----------------------------------------------

    def note_hold(self, session_id: str, turn_id: str, until: float | None) -> None:
        """Note until when (epoch ms) no other server could write beside a turn of this machine.

        None says that no more need be asked of it.
        """
        with self._store.database.writing() as db:
            _crossing.note_hold(db, session_id, turn_id, until)

    def knew(self, session_id: str, turns: Collection[str]) -> Knew | None:
        """Return what the first of these turns knew that others may have crossed."""
        with self._store.database.reading() as db:
            return _crossing.knew(db, session_id, turns)

    def unsent_turns(self, session_id: str) -> list[str]:
        """Return the turns that have something to send, in order."""
        with self._store.database.reading() as db:
            return _crossing.unsent(db, session_id)

    def crossed(self, session_id: str, seq: int) -> list[str]:
        """Return the turns to send that knew nothing of a message of others at this place."""
        with self._store.database.reading() as db:
            return _crossing.crossed(db, session_id, seq)

    # -- down --------------------------------------------------------------------------

    def merge(
        self, values: Sequence[Value], *, span: tuple[str, Span] | None = None, tell: bool = True
    ) -> bool:
        """Fold in what came from the server; nothing that changed here meanwhile is overwritten.

        `span` says which stretch of a session's order is here with it. Without `tell` no
        listener hears of it, which is for old messages that nobody has on screen.

        Return whether a to-do list or an approval was left out, since ours is on its way: ask
        for it again once that has arrived.
        """
        with self._store.batch(announce=False, tell=tell) as batch:
            left_out = _merge.merge(batch, values)
            if span is not None and _merge.is_here(batch.db, span[0]):
                _replica.add_span(batch.db, *span)
            return left_out

    def merge_chunks(
        self,
        key: Key,
        chunks: Sequence[Chunk],
        fold: Callable[[str | None, Key, list[dict[str, Any]]], str],
    ) -> int:
        """Append a transcript's chunks from the server, in its order; return how many were new."""
        with self._store.batch(announce=False) as batch:
            return _chunks.merge(batch, key, chunks, fold)

    def chunk_seq(self, key: Key) -> int:
        """Return up to which of the server's chunks a transcript is here; 0 for none."""
        with self._store.database.reading() as db:
            return _chunks.remote_seq(db, key)

    def session(self, session_id: str) -> SessionInfo | None:
        """Return a session that is here and replicated."""
        with self._store.database.reading() as db:
            if not _merge.is_here(db, session_id):
                return None
            return _session(db, session_id)

    def is_own_memory(self, claude_session_id: str) -> bool:
        """Say whether one of one's own sessions here has this memory of Claude's."""
        with self._store.database.reading() as db:
            rows = db.execute(
                f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.claude_session_id = ?"  # noqa: S608 - fixed names
                " AND s.deleted_at IS NULL",
                (claude_session_id,),
            ).fetchall()
            return any(session_from(row).role == "owner" for row in rows)

    def as_it_is(self, session_id: str) -> SessionInfo | None:
        """Return a session that is here, replicated or not."""
        with self._store.database.reading() as db:
            return _session(db, session_id)

    def note_leases(self, leases: Mapping[str, tuple[str, float]]) -> None:
        """Note who holds which session on the server (holder, until epoch ms), and no others."""
        with self._store.batch(announce=False) as batch:
            _merge.leases(batch, leases)

    def note_lease(self, session_id: str, lease: tuple[str, float] | None) -> None:
        """Note who holds one session on the server (holder, until epoch ms); None for nobody."""
        with self._store.batch(announce=False) as batch:
            _merge.note_lease(batch, session_id, lease)

    def has_unsent(self, session_id: str, kind: Kind) -> bool:
        """Say whether a session has something of a kind to send."""
        with self._store.database.reading() as db:
            return _outbox.has(db, session_id, kind)

    def is_deleting(self, key: Key) -> bool:
        """Say whether a transcript was deleted here, and the server does not know it yet."""
        main = Key(key.project_key, key.session_id)
        with self._store.database.reading() as db:
            return any(_outbox.waits(db, "transcript", each.text) for each in (key, main))

    def spans(self, session_id: str) -> list[Span]:
        """Return which stretches of a session's order are here, lowest first."""
        with self._store.database.reading() as db:
            return _replica.spans(db, session_id)

    def seq_of(self, message_id: str) -> int | None:
        """Return a message's place in the server's order, None if it has none yet."""
        with self._store.database.reading() as db:
            row = db.execute(
                "SELECT data, ord FROM messages WHERE client_id = ?", (safe(message_id),)
            ).fetchone()
            return message_from(*row).seq if row else None

    def sessions_at(self) -> float:
        """Return up to when (the server's time, epoch ms) the list of sessions was read."""
        with self._store.database.reading() as db:
            return _replica.sessions_at(db)

    def note_sessions_at(self, at: float) -> None:
        """Note how far the list of sessions was read."""
        with self._store.database.writing() as db:
            _replica.note_sessions_at(db, at, self._account)


def _parcel(db: Any, row: OutboxRow) -> Parcel:
    if row.kind == "session":
        return Parcel(row, _session(db, row.client_id), 0, _base(db, row.client_id))
    if row.kind == "transcript":
        value = _chunks.read(db, row.client_id) if row.op == "put" else Key.parse(row.client_id)
        return Parcel(row, value, len(value.data) if isinstance(value, Chunk) else 0)
    if row.kind == "message":
        found = db.execute(
            "SELECT data, ord FROM messages WHERE client_id = ?", (row.client_id,)
        ).fetchone()
        return Parcel(row, message_from(*found) if found else None, len(found[0]) if found else 0)
    table, model = _TABLES[row.kind]
    found = db.execute(f"SELECT data FROM {table} WHERE client_id = ?", (row.client_id,)).fetchone()  # noqa: S608 - fixed names
    return Parcel(row, load(model, found[0]) if found else None, len(found[0]) if found else 0)


def _base(db: Any, session_id: str) -> SessionInfo | None:
    found = db.execute("SELECT remote FROM sessions WHERE client_id = ?", (session_id,)).fetchone()
    return load(SessionInfo, found[0]) if found and found[0] else None


def _session(db: Any, session_id: str) -> SessionInfo | None:
    found = db.execute(
        f"SELECT {SESSION_COLUMNS} FROM sessions s WHERE s.client_id = ?",  # noqa: S608 - fixed names
        (safe(session_id),),
    ).fetchone()
    return session_from(found) if found else None


_TABLES: dict[str, tuple[str, Any]] = {
    "todos": ("todos", TodoList),
    "approval": ("approvals", Approval),
}
