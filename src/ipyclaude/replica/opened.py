"""The sessions that are open in one kernel: what others write in them is followed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ..exceptions import CloudError
from ..messages import SessionInfo
from ..store.replication import Replication
from . import Cloud
from ._within import in_time, within
from .company import Company
from .tail import SessionTail
from .transcripts import ReplicatedTranscripts

_log = logging.getLogger(__name__)

#: How long a first answer of the server is waited for where somebody asks for a session that is
#: not here, in seconds.
PATIENCE = 10.0

#: Runs a part of the replica, by its name, until cancelled.
Supervised = Callable[[str, Callable[[], Coroutine[Any, Any, None]]], Coroutine[Any, Any, None]]


class OpenSessions:
    """Follows each session that is open here, from the time on when somebody is signed in.

    Parameters
    ----------
    cloud, replication, transcripts, company
        The replica's.
    me
        Returns the user's own id on the server.
    signed_in, down
        Set while somebody is signed in; set while there is no use in waiting for the server.
    supervised
        Runs each part.
    """

    def __init__(
        self,
        cloud: Cloud,
        replication: Replication,
        transcripts: ReplicatedTranscripts,
        company: Company,
        *,
        me: Callable[[], str | None],
        signed_in: asyncio.Event,
        down: asyncio.Event,
        supervised: Supervised,
    ) -> None:
        self._cloud, self._replication = cloud, replication
        self._transcripts, self._company = transcripts, company
        self._me, self._signed_in, self._down = me, signed_in, down
        self._supervised = supervised
        self._tails: dict[str, tuple[SessionTail, asyncio.Task[None]]] = {}
        self._fetching: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Follow none any more."""
        tasks = [*self._fetching, *(task for _, task in self._tails.values())]
        self._tails.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def open(self, info: SessionInfo) -> SessionTail | None:
        """Follow a session that was opened here; None if it stays on this machine."""
        known = self._tails.get(info.client_id)
        if known is not None:
            return known[0]
        if info.local:
            return None
        tail = SessionTail(self._cloud, self._replication, info.client_id, me=self._me)

        async def run() -> None:
            await self._signed_in.wait()
            self._company.presence.open(info.client_id)
            await asyncio.gather(
                self._supervised("tail", tail.run),
                self._supervised("company", lambda: self._company.follow(info.client_id)),
            )

        self._tails[info.client_id] = (tail, asyncio.ensure_future(run()))
        if info.claude_session_id:
            self._prefetch(info.claude_session_id)
        return tail

    def leave(self, session_id: str) -> None:
        """Follow a session no more."""
        known = self._tails.pop(session_id, None)
        if known is not None:
            known[1].cancel()
            self._company.presence.leave(session_id)

    def _prefetch(self, claude_session_id: str) -> None:
        """Fetch Claude's memory while the widget opens; whoever needs it asks again."""

        async def fetch() -> None:
            await self._signed_in.wait()
            with contextlib.suppress(CloudError):
                await self._transcripts.fetch(claude_session_id)

        task = asyncio.ensure_future(fetch())
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def ready(self, session_id: str, timeout: float = PATIENCE) -> bool:
        """Wait until an open session's newest messages are here; False if they can't be had."""
        known = self._tails.get(session_id)
        if known is None:
            return True
        await in_time(timeout, known[0].ready, self._down)
        return known[0].ready.is_set()

    async def whole(self, session_id: str, timeout: float = PATIENCE) -> bool:
        """Wait until all messages of an open session are here; False if they can't be had."""
        known = self._tails.get(session_id)
        if known is None:
            return True
        await in_time(timeout, known[0].whole, self._down)
        return known[0].whole.is_set()

    async def older(self, session_id: str, before: str, count: int) -> None:
        """See to it that the messages before a message are here, if they can be had."""
        known = self._tails.get(session_id)
        seq = await asyncio.to_thread(self._replication.seq_of, before)
        if known is None or seq is None:
            return
        try:
            await within(PATIENCE, known[0].older(seq, count))
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("Older messages are not to be had now: %s", error)

    async def reach(self, session_id: str, seq: int) -> None:
        """Wait until an open session's messages up to this place are here."""
        known = self._tails.get(session_id)
        if known is not None:
            await known[0].reach(seq)
