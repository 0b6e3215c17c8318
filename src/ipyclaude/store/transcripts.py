"""Claude's own memory of a session: claude-agent-sdk's `SessionStore` on our SQLite file.

A session is found by its id alone: the SDK's `project_key` is the sanitised working folder,
which differs between servers. The exact key comes first; where it has nothing, the session
is taken from where it is, and goes on there from then on.
"""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..jsonl import is_conversation
from . import _chunks, _crossing
from ._chunks import Place
from ._lines import Key, Line, entries, line_of, pack
from ._values import safe
from ._writes import Batch
from .sqlite import SqliteStore

if TYPE_CHECKING:
    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

T = TypeVar("T")
#: The SDK's `fold_session_summary`: previous summary, key, new entries to the next summary.
Fold = Callable[[Any, Any, Any], Mapping[str, Any]]


class TranscriptStore:
    """The SDK's `SessionStore` on the file of a `SqliteStore`.

    A batch is on disk when `append` returns (S1), so nothing depends on the SDK's three
    tries. Blocking work runs in the event loop's default executor, one append after the other.

    Parameters
    ----------
    store
        The open store; closing it is its owner's.
    fold
        `claude_agent_sdk.fold_session_summary`, handed in so that only the engine imports
        the SDK.
    """

    def __init__(self, store: SqliteStore, *, fold: Fold) -> None:
        self._store = store
        self._fold = fold
        # asyncio's locks serve their waiters in order, each on one loop only.
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add entries at the end; one whose `uuid` is there already is left out (S2)."""
        if entries:
            async with self._turn():
                await asyncio.to_thread(self.append_now, key, entries)

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return all entries in order, None if there never were any."""
        return await asyncio.to_thread(self.load_now, key)

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """Return ids and modification times (epoch ms) of a project's sessions."""
        rows = await asyncio.to_thread(self._list, project_key)
        return [{"session_id": session, "mtime": mtime} for session, mtime, _ in rows]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the SDK's own summaries of a project's sessions, as it folded them."""
        rows = await asyncio.to_thread(self._summaries, project_key)
        return [
            {"session_id": session, "mtime": mtime, "data": json.loads(data)}
            for session, mtime, data in rows
            if data is not None
        ]

    async def delete(self, key: SessionKey) -> None:
        """Delete a session's transcripts, or with a subpath that one."""
        async with self._turn():
            await asyncio.to_thread(self._delete, _key(key))

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """Return the subpaths of a session's subagents."""
        return await asyncio.to_thread(self._subkeys, _key(key))

    def has(self, session_id: str) -> bool:
        """Say whether a session's main transcript is here, whatever its folder was."""
        with self._store.database.reading() as db:
            return _chunks.elsewhere(db, Key("", session_id)) is not None

    def all_apart(self, session_id: str) -> bool:
        """Say whether all that was said in a transcript went to copies, so none is left here."""
        with self._store.database.reading() as db:
            project = _chunks.elsewhere(db, Key("", session_id))
            forked = _crossing.forked(db, session_id) if project is not None else ()
        if project is None or not forked:
            return False
        left = self.load_now({"project_key": project, "session_id": session_id}) or ()
        return not is_conversation(left)

    def holds(self, session_id: str, uuid: str) -> bool:
        """Say whether a session's transcript has the entry of this uuid."""
        with self._store.database.reading() as db:
            return _chunks.continues(db, Key("", session_id), [uuid]) is not None

    def append_now(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Do what `append` does, on this thread."""
        wanted, values = _key(key), [dict(entry) for entry in entries]
        lines = [line_of(entry) for entry in values]
        with self._store.batch() as batch:
            place, new = self._begin(batch, wanted, lines)
            _chunks.write(batch, [(place, pack(lines[n].text for n in new))])
            before, data = _chunks.summary(batch.db, place.transcript), None
            whole = len(new) == _chunks.count(batch.db, place.transcript)
            if new and not wanted.subpath and (before is not None or whole):
                data = self.fold(before, wanted, [values[n] for n in new])
            _chunks.touch(batch.db, place.transcript, data)

    def append_later(
        self, batch: Batch, key: Key, lines: Sequence[Line]
    ) -> tuple[Place, Sequence[int]]:
        """Do what is short of appending lines that an import read; `_chunks.write` does the rest.

        A transcript without a summary is summed up when somebody lists it: most never are.
        """
        place, new = self._begin(batch, key, lines)
        before, data = _chunks.summary(batch.db, place.transcript), None
        if new and not key.subpath and before is not None:
            data = self.fold(before, key, [json.loads(lines[n].text) for n in new])
        _chunks.touch(batch.db, place.transcript, data)
        return place, new

    def _begin(self, batch: Batch, key: Key, lines: Sequence[Line]) -> tuple[Place, Sequence[int]]:
        return _chunks.begin(batch, key, self._home(batch.db, key, lines), lines)

    def load_now(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Do what `load` does, on this thread."""
        wanted = _key(key)
        with self._store.database.reading() as db:
            project, adopted = self._place(db, wanted)
            transcript = _chunks.find(db, wanted, project)
            chunks = None if transcript is None else _chunks.load(db, transcript)
            forked = _crossing.forked(db, wanted.session_id)
        if chunks is None:
            return None
        if adopted:
            with self._store.batch() as batch:
                _chunks.adopt(batch.db, wanted, project)
        # What the CLI wrote, whatever that is.
        return _crossing.followed(entries(chunks), forked)  # pyright: ignore[reportReturnType]

    def fold(self, before: str | None, key: Key, entries: list[dict[str, Any]]) -> str:
        """Fold entries into a stored summary; return the summary to store."""
        previous = None
        if before is not None:
            previous = {"session_id": key.session_id, "mtime": 0, "data": json.loads(before)}
        keyed = {"project_key": key.project_key, "session_id": key.session_id}
        return json.dumps(self._fold(previous, keyed, entries)["data"])

    def _turn(self) -> asyncio.Lock:
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    @staticmethod
    def _home(db: Any, key: Key, lines: Sequence[Line]) -> str:
        """Return the project to append to: where these entries' parents are, if elsewhere."""
        settled = _chunks.home(db, key)
        if settled is not None:
            return settled
        project = safe(key.project_key)
        if _chunks.find(db, Key(key.project_key, key.session_id), project) is None:
            other = _chunks.continues(db, key, [line.parent for line in lines if line.parent])
            if other is not None:
                _chunks.adopt(db, key, other)
                return other
        return project

    @staticmethod
    def _place(db: Any, key: Key) -> tuple[str, bool]:
        """Return the project to look in, and whether it is another one than asked for."""
        settled = _chunks.home(db, key)
        if settled is not None:
            return settled, False
        project = safe(key.project_key)
        main = Key(key.project_key, key.session_id)
        if _chunks.find(db, main, project) is None and _chunks.find(db, key, project) is None:
            other = _chunks.elsewhere(db, key)
            if other is not None:
                return other, True
        return project, False

    def _list(self, project_key: str) -> list[tuple[str, int, str | None]]:
        with self._store.database.reading() as db:
            return _chunks.listing(db, project_key)

    def _summaries(self, project_key: str) -> list[tuple[str, int, str | None]]:
        return [
            (session, mtime, data or self._summarise(Key(project_key, session)))
            for session, mtime, data in self._list(project_key)
        ]

    def _summarise(self, key: Key) -> str | None:
        """Fold a transcript that was stored without its summary, and keep that."""
        with self._store.batch() as batch:
            transcript = _chunks.find(batch.db, key, self._place(batch.db, key)[0])
            if transcript is None:  # deleted meanwhile
                return None
            data = self.fold(None, key, entries(_chunks.load(batch.db, transcript)))
            _chunks.summarised(batch.db, transcript, data)
        return data

    def _subkeys(self, key: Key) -> list[str]:
        with self._store.database.reading() as db:
            return _chunks.subkeys(db, key, self._place(db, key)[0])

    def _delete(self, key: Key) -> None:
        with self._store.batch() as batch:
            _chunks.delete(batch, key, self._home(batch.db, key, []))


def _key(key: SessionKey | SessionListSubkeysKey) -> Key:
    return Key(key["project_key"], key["session_id"], str(key.get("subpath") or ""))
