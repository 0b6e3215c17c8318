"""The list of sessions, as it changes on the server: rows, and who holds which."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

from ..exceptions import CloudFault
from ..messages import SessionInfo
from ..store.replication import Replication
from . import Cloud
from .rows import session_from
from .tail import follow

_log = logging.getLogger(__name__)

#: Rows after which the live query is asked anew from there: it reads all that it covers.
RENEW = 25
_LIMIT = 100
#: How long a change of the list waits, in seconds: the messages that made it come first.
_AFTER_MESSAGES = 0.03


class SessionList:
    """Keeps the store's list of sessions as it is on the server.

    Parameters
    ----------
    cloud, replication
        Where from and where to.
    ahead
        Returns by how much the server's clock is ahead of ours, in ms.
    """

    def __init__(
        self, cloud: Cloud, replication: Replication, *, ahead: Callable[[], float]
    ) -> None:
        self._cloud, self._replication = cloud, replication
        self._ahead = ahead
        #: The list is as it was on the server at least once since this began.
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        tasks = [asyncio.ensure_future(self._rows()), asyncio.ensure_future(self._leases())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _rows(self) -> None:
        while True:
            at = await asyncio.to_thread(self._replication.sessions_at)
            args = {"after": at, "limit": _LIMIT}
            await follow(self._cloud, "sessions:changed", args, self._fold)

    async def _fold(self, page: Any) -> bool:
        rows = page["sessions"]
        if rows and self.settled.is_set():
            await asyncio.sleep(_AFTER_MESSAGES)
        if rows:
            await asyncio.to_thread(self._fold_now, rows)
        if not page["more"]:
            self.settled.set()
        return bool(page["more"]) or len(rows) >= RENEW

    def _fold_now(self, rows: list[Any]) -> None:
        self._replication.merge(list(_read(rows)))
        # Stamps grow strictly for each owner, so nothing comes in before this one any more.
        self._replication.note_sessions_at(max(row["updatedAt"] for row in rows))

    async def _leases(self) -> None:
        while True:
            await follow(self._cloud, "sessions:leases", {}, self._fold_leases)

    async def _fold_leases(self, rows: Any) -> bool:
        ahead = self._ahead()
        held = {row["session"]: (row["holder"], row["expiresAt"] - ahead) for row in rows}
        await asyncio.to_thread(self._replication.note_leases, held)
        return False


def _read(rows: list[Any]) -> Iterator[SessionInfo]:
    """Read rows; one that can't be read must not keep the others away."""
    for row in rows:
        try:
            yield session_from(row)
        except CloudFault as error:
            _log.warning("%s %s", error.what, error.why)
