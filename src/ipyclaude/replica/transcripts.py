"""Claude's own memory, read through: what isn't on this machine is fetched from the server.

Writing goes to the store first, as ever, and from its outbox to the server.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..exceptions import CloudError
from ..store.replication import Chunk, Key, Replication
from ..store.sqlite import SqliteStore
from ..store.transcripts import Fold, TranscriptStore
from . import Cloud
from ._within import within
from .files import files_of
from .rows import chunk_from

if TYPE_CHECKING:
    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

_log = logging.getLogger(__name__)

#: How long somebody waits for the server before what is here has to do, in seconds.
PATIENCE = 20.0
#: How long what was fetched counts as new, in seconds: the SDK asks for each subagent apart.
FRESH = 1.0
_CHUNKS = 50

Head = Mapping[str, Any]


class ReplicatedTranscripts(TranscriptStore):
    """The SDK's `SessionStore` on a `SqliteStore` and the server behind it.

    Without a connection it is a `TranscriptStore`: what is here can be resumed.

    Parameters
    ----------
    store
        The open store; closing it is its owner's.
    fold
        `claude_agent_sdk.fold_session_summary`.
    cloud
        The server.
    wrote
        Called when there is something new to send.
    """

    def __init__(
        self,
        store: SqliteStore,
        *,
        fold: Fold,
        cloud: Cloud,
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(store, fold=fold)
        self._cloud = cloud
        self._replication = Replication(store)
        self._wrote = wrote
        self._fetching: dict[str, asyncio.Task[bool]] = {}
        self._fetched: dict[str, float] = {}

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Add entries at the end, here; they are sent later (S1, S2)."""
        await super().append(key, entries)
        self._wrote()

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """Return all entries in order, with those that only the server had."""
        await self._refresh(key["session_id"])
        return await super().load(key)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        """Return the subpaths of a session's subagents, here and on the server."""
        await self._refresh(key["session_id"])
        return await super().list_subkeys(key)

    async def delete(self, key: SessionKey) -> None:
        """Delete a session's transcripts, or with a subpath that one; everywhere, in time."""
        await self._refresh(key["session_id"])
        await super().delete(key)
        self._wrote()

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        """Return ids and modification times (epoch ms) of a project's sessions, wherever."""
        here = {row["session_id"]: row for row in await super().list_sessions(project_key)}
        for head in await self._heads(project_key):
            session_id = head["claudeSessionId"]
            if session_id not in here:
                here[session_id] = {"session_id": session_id, "mtime": int(head["mtime"])}
        return list(here.values())

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        """Return the SDK's summaries of a project's sessions, wherever they are."""
        here = {row["session_id"]: row for row in await super().list_session_summaries(project_key)}
        for head in await self._heads(project_key):
            session_id, summary = head["claudeSessionId"], head.get("summary")
            if session_id not in here and summary:
                here[session_id] = {
                    "session_id": session_id,
                    "mtime": int(head["mtime"]),
                    "data": json.loads(summary),
                }
        return list(here.values())

    # -- what only the server has --------------------------------------------------------

    async def fetch(self, claude_session_id: str) -> bool:
        """Bring a session's transcripts here; say whether there was anything new.

        Several callers share one fetch.

        Raises
        ------
        CloudError
            They can't be had now.
        """
        task = self._fetching.get(claude_session_id)
        if task is None:
            task = asyncio.ensure_future(self._fetch(claude_session_id))
            self._fetching[claude_session_id] = task
            task.add_done_callback(lambda _: self._fetching.pop(claude_session_id, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self, claude_session_id: str) -> None:
        """Fetch, but put up with what is here where the server can't be asked."""
        if time.monotonic() - self._fetched.get(claude_session_id, float("-inf")) < FRESH:
            return
        try:
            await within(PATIENCE, self.fetch(claude_session_id))
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("Transcripts are as they are here: %s", error or "no answer in time")

    async def _fetch(self, claude_session_id: str) -> bool:
        heads = await self._cloud.query("transcripts:heads", {"claudeSessionId": claude_session_id})
        ours = [head for head in heads if await asyncio.to_thread(self._is_of, head)]
        found = await asyncio.gather(*(self._fetch_one(head) for head in ours))
        self._fetched[claude_session_id] = time.monotonic()
        return any(found)

    def _is_of(self, head: Head) -> bool:
        """Say whether a transcript is that of its session; somebody else's may only claim it."""
        info = self._replication.session(head["session"])
        if info is None:  # one's own that is not in the list yet, or another's that was put away
            return not self._replication.is_own_memory(head["claudeSessionId"])
        if info.role == "owner":
            return True
        return info.claude_session_id == head["claudeSessionId"]

    async def _fetch_one(self, head: Head) -> bool:
        key = Key(head["projectKey"], head["claudeSessionId"], head["subpath"])
        if await asyncio.to_thread(self._replication.is_deleting, key):
            return False
        after, last = await asyncio.to_thread(self._replication.chunk_seq, key), head["nextSeq"] - 1
        new = False
        while after < last:
            page = await self._cloud.query(
                "transcripts:load",
                {
                    "session": head["session"],
                    "claudeSessionId": key.session_id,
                    "projectKey": key.project_key,
                    "subpath": key.subpath,
                    "after": after,
                    "limit": _CHUNKS,
                },
            )
            rows = page["chunks"]
            if not rows:
                break
            files = await files_of(self._cloud, head["session"], rows)
            new = bool(await asyncio.to_thread(self._take_in, key, rows, files)) or new
            after = int(rows[-1]["seq"])
        return new

    def _take_in(self, key: Key, rows: list[Any], files: Mapping[str, bytes]) -> int:
        chunks: list[Chunk] = [
            chunk_from(row, key, file=files.get(row.get("file", ""))) for row in rows
        ]
        return self._replication.merge_chunks(key, chunks, self.fold)

    async def _heads(self, project_key: str) -> list[Head]:
        try:
            heads = await within(PATIENCE, self._list_heads(project_key))
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("Transcripts are listed as they are here: %s", error or "no answer in time")
            return []
        return [head for head in heads if not await self._is_deleting(head)]

    async def _list_heads(self, project_key: str) -> list[Head]:
        return await self._cloud.query("transcripts:list", {"projectKey": project_key})

    async def _is_deleting(self, head: Head) -> bool:
        key = Key(head["projectKey"], head["claudeSessionId"], head["subpath"])
        return await asyncio.to_thread(self._replication.is_deleting, key)
