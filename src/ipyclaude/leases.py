"""One writer at a time (S4): a turn holds its session's lease, renewed by heartbeat.

The lease expires by itself, and a holder on this host whose process is gone is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from .exceptions import SessionBusy, SessionNotFound, StoreError
from .holders import dead, label
from .messages import SessionInfo, now_ms
from .store import Store
from .times import clock

if TYPE_CHECKING:
    from .replica.lease import ServerLease

_log = logging.getLogger(__name__)

LEASE_MS = 15_000
HEARTBEAT_SECONDS = 5.0
_LOOK_SECONDS = 0.25
KEPT = "What had been received is kept. Go on there, or in a copy: %claude_session fork."
WAIT_OR_FORK = "Wait for it with %claude_session wait, or go on in a copy: %claude_session fork."


def alive(info: SessionInfo) -> bool:
    """Say whether somebody holds the session's lease now; a killed kernel of this host doesn't."""
    if info.holder is None or (info.holder_expires_at or 0) <= now_ms():
        return False
    return not dead(info.holder)


class Lease(Protocol):
    """A hold on one session, taken for each turn."""

    async def take(self, info: SessionInfo, turn_id: str = "") -> SessionInfo:
        """Take the lease for a turn; return the session's row as it was just before.

        Raises
        ------
        SessionBusy
            Another kernel or server holds it.
        SessionNotFound
            The session was deleted.
        """
        ...

    async def keep(self) -> SessionBusy:
        """Renew the lease until cancelled; return why it was lost."""
        ...

    async def settle(self) -> None:
        """Note that no more need be asked of the turn: what crossed it was seen to."""
        ...

    async def give_back(self) -> None:
        """Let others have the session."""
        ...

    @property
    def crossed(self) -> bool:
        """Say whether others could take it for a while since `take`, though it is ours again."""
        ...


class StoreLease:
    """This kernel's hold on one session among the kernels that share the store file."""

    def __init__(self, store: Store, session_id: str, holder: str) -> None:
        self._store, self._session_id, self._holder = store, session_id, holder
        self._name = ""
        #: Convex has given it to us, so that no other server has it.
        self.granted = False
        #: See `Lease`; until when it is ours (epoch ms).
        self.crossed = False
        self._until = 0.0

    async def take(self, info: SessionInfo, turn_id: str = "") -> SessionInfo:
        """Take the lease; see `Lease`."""
        del turn_id
        self._name, self.crossed = info.name, False
        before = self._store.session(self._session_id) or info
        row = self._try()
        if row is not None and row.holder != self._holder and not alive(row):
            self._store.lease(self._session_id, row.holder or "", None)
            row = self._try()
        if row is None:
            raise SessionNotFound(
                f"Session {info.name!r} was deleted.",
                fix="Make a new one with %claude_session new.",
            )
        if row.holder != self._holder:
            raise SessionBusy(
                f"Another kernel is working in session {info.name!r}.",
                why=f"{label(row.holder)} holds it until its turn is over.",
                fix=WAIT_OR_FORK,
            )
        return before

    def _try(self) -> SessionInfo | None:
        until = now_ms() + LEASE_MS
        row = self._store.lease(self._session_id, self._holder, until, granted=self.granted)
        self._until = until
        return row

    async def keep(self) -> SessionBusy:
        """Renew the lease until cancelled; return why it was lost."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            expired = now_ms() > self._until  # the machine slept, or the disk was busy for long
            try:
                row = self._try()
            except StoreError as error:
                # A busy disk passes, and the lease outlasts two missed beats.
                _log.warning("The lease could not be renewed: %s", error)
                continue
            if row is None or row.holder != self._holder:
                return SessionBusy(
                    f"Another kernel took session {self._name!r} over.",
                    why="This one had not been heard of for too long, or it was deleted.",
                    fix=KEPT,
                )
            self.crossed = self.crossed or expired

    async def settle(self) -> None:
        """See `Lease`: kernels of one store ask nothing of one another's turns."""

    async def give_back(self) -> None:
        """Let others have the session; it expires by itself where that can't be written."""
        try:
            self._store.lease(self._session_id, self._holder, None)
        except StoreError as error:
            _log.warning("The lease could not be given back: %s", error)


class SharedLease:
    """A hold among the kernels of this store, and among all servers.

    Without network a turn goes on with the hold that the store gives, and so does one of a
    session that is only here.
    """

    def __init__(self, here: StoreLease, there: ServerLease) -> None:
        self._here, self._there = here, there
        self._name = ""
        #: The turn's session is not of this machine alone.
        self._shared = False

    async def take(self, info: SessionInfo, turn_id: str = "") -> SessionInfo:
        """Take the lease; see `Lease`."""
        self._name, self._shared = info.name, not info.local
        if not self._shared:
            self._here.granted = False
            return await self._here.take(info)
        held = await self._there.take(turn_id)
        if held is not None:
            raise SessionBusy(
                f"{held.who} is working in session {info.name!r}.",
                why=f"It has held it since {clock(held.since)}; if nothing more is heard of it, "
                f"the session is free at {clock(held.until)}.",
                fix=WAIT_OR_FORK,
            )
        self._here.granted = self._there.granted
        try:
            before = await self._here.take(info)
        except BaseException:  # a store that is full or locked, too, and who waits no more
            self._there.give_back()
            await self._there.settle()
            raise
        # What is late may be the end of a turn that looks as if nobody would end it.
        return before.model_copy(update={"holder": None}) if self._there.late else before

    async def keep(self) -> SessionBusy:
        """Renew both until cancelled; return why one was lost."""
        if not self._shared:
            return await self._here.keep()
        here = asyncio.ensure_future(self._here.keep())
        there = asyncio.ensure_future(self._there.keep())
        try:
            await asyncio.wait([here, there], return_when=asyncio.FIRST_COMPLETED)
            if here.done():
                return here.result()
            held = there.result()
        finally:
            here.cancel()
            there.cancel()
        return SessionBusy(
            f"{held.who} took session {self._name!r} over at {clock(held.since)}.",
            why="This server had not been heard of for too long, or it is their session.",
            fix=KEPT,
        )

    async def settle(self) -> None:
        """See `Lease`."""
        if self._shared:
            await self._there.settle()

    async def give_back(self) -> None:
        """Let the kernels here have the session now, other servers once all is sent."""
        await self._here.give_back()
        if self._shared:
            self._there.give_back()

    @property
    def crossed(self) -> bool:
        """See `Lease`."""
        return self._here.crossed or (self._shared and self._there.crossed)

    async def settled(self) -> None:
        """Wait until other servers may have the session."""
        await self._there.settled()


async def until_free(store: Store, session_id: str) -> None:
    """Wait until nobody works in a session, here or on another server."""
    while True:
        info = store.session(session_id)
        if info is None or not alive(info):
            return
        await asyncio.sleep(_LOOK_SECONDS)
