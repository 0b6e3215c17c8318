"""One writer at a time among servers (S4): the lease that Convex gives out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

from ..exceptions import CloudError, CloudRefused, StoreError
from ..messages import now_ms
from . import Cloud, CloudState
from ._errors import unanswered
from ._within import within
from .rows import SOMEBODY

_log = logging.getLogger(__name__)

#: How long a lease lasts without a heartbeat, and how often that comes. Each is a call.
LEASE_MS = 30_000
HEARTBEAT_SECONDS = 10.0
#: How long a turn waits for the server before it goes on without it, in seconds; so a
#: connection that is made anew doesn't let two of them write at once.
PATIENCE = 3.0


@dataclass(frozen=True)
class Held:
    """Somebody else's hold: what that server is called, since and until when (our epoch ms)."""

    label: str
    since: float
    until: float
    #: Whose server it is, where that is another person.
    name: str = ""

    @property
    def who(self) -> str:
        """The person, if it is another one, and the server."""
        return f"{self.name} ({self.label})" if self.name else self.label


class Room(Protocol):
    """What a lease needs of the replica that it belongs to."""

    async def reach(self, session_id: str, seq: int) -> None:
        """Wait until an open session's messages up to this place are here."""
        ...

    async def flush(self) -> None:
        """Wait until all is sent that can be sent."""
        ...

    async def note_lease(self, session_id: str, lease: tuple[str, float] | None) -> None:
        """Note who holds a session on the server."""
        ...


class ServerLease:
    """This kernel's hold on one session among all servers.

    Where the server can't be asked (no network, not signed in, a session that it doesn't know
    yet) a turn goes on without it, and asks again with each heartbeat.

    Parameters
    ----------
    holder
        Names this kernel.
    label
        What people call this server.
    lease_ms, heartbeat
        How long it lasts (ms), and after how many seconds it is renewed.
    """

    def __init__(
        self,
        cloud: Cloud,
        room: Room,
        session_id: str,
        *,
        holder: str,
        label: str,
        lease_ms: float = LEASE_MS,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._cloud, self._room, self._session_id = cloud, room, session_id
        self._holder, self._label = holder, label
        self._lease_ms, self._heartbeat = lease_ms, heartbeat
        #: A turn of this kernel runs.
        self.held = False
        #: What others wrote before was not all here in time.
        self.late = False
        #: Why the server has not been asked; empty where it has.
        self.alone = ""
        #: Set when it looks as if somebody else had taken it: ask at once.
        self._doubted = asyncio.Event()
        self._giving_back: asyncio.Task[None] | None = None

    async def take(self) -> Held | None:
        """Take the lease; return who else has it, None if we do or if nobody can say."""
        if self._giving_back is not None:
            self._giving_back.cancel()
            await asyncio.gather(self._giving_back, return_exceptions=True)
            self._giving_back = None
        self.late = False
        held, next_seq = await self._acquire()
        self.held = held is None
        if self.held and not self.alone:
            await self._catch_up(next_seq - 1)
        return held

    async def keep(self) -> Held:
        """Renew the lease until cancelled; return who has it once that is somebody else."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._heartbeat, self._doubted.wait())
            self._doubted.clear()
            held, _ = await self._acquire()
            if held is not None:
                self.held = False
                return held

    def noticed(self, holder: str) -> None:
        """Take note of who holds it, as the server tells everybody."""
        if self.held and holder != self._holder:
            self._doubted.set()

    async def take_over(self) -> None:
        """Take the lease from whoever has it; it expires by itself unless a turn begins.

        Raises
        ------
        CloudError
            The server can't be asked, or refuses.
        """
        wish = {"session": self._session_id, "holder": self._holder, "label": self._label}
        call = self._cloud.mutation(
            "sessions:acquireLease", {**wish, "ttlMs": self._lease_ms, "takeOver": True}
        )
        try:
            await self._note(await within(PATIENCE, call))
        except asyncio.TimeoutError:
            raise unanswered() from None

    def give_back(self) -> Awaitable[None]:
        """Let others have the session, once what was written in it is there; need not be awaited.

        It expires by itself where that can't be told.
        """
        self.held = False
        if self._giving_back is None or self._giving_back.done():
            self._giving_back = asyncio.ensure_future(self._release())
        return self._giving_back

    async def settled(self) -> None:
        """Wait until a lease that is being given back is."""
        if self._giving_back is not None:
            await asyncio.gather(self._giving_back, return_exceptions=True)

    def close(self) -> None:
        """Wait for nothing more."""
        if self._giving_back is not None:
            self._giving_back.cancel()

    async def _acquire(self) -> tuple[Held | None, int]:
        patience = _patience(self._cloud.state)
        if patience <= 0:
            self.alone = self._cloud.state.detail
            return None, 0
        wish = {"session": self._session_id, "holder": self._holder}
        call = self._cloud.mutation(
            "sessions:acquireLease", {**wish, "label": self._label, "ttlMs": self._lease_ms}
        )
        try:
            answer: Any = await within(patience, call)
            await self._note(answer)
        except (CloudError, StoreError, asyncio.TimeoutError) as error:
            # A session that isn't there yet is nobody else's.
            unknown = isinstance(error, CloudRefused) and error.code == "NotFound"
            self.alone = "It is not replicated yet." if unknown else self._words(error)
            return None, 0
        self.alone = ""
        held = None if answer["granted"] else _held(answer)
        return held, int(answer["nextSeq"])

    def _words(self, error: BaseException) -> str:
        if not isinstance(error, asyncio.TimeoutError):
            return str(error)
        state = self._cloud.state
        return "Convex did not answer in time." if state.kind == "online" else state.detail

    async def _note(self, answer: Any) -> None:
        lease, left = answer["lease"], answer["lease"]["expiresAt"] - answer["now"]
        await self._room.note_lease(self._session_id, (lease["holder"], now_ms() + left))

    async def _catch_up(self, seq: int) -> None:
        """Wait for what the last holder wrote, so that this turn comes after it."""
        try:
            await within(PATIENCE, self._room.reach(self._session_id, seq))
        except asyncio.TimeoutError:
            self.late = True
            _log.warning("What was last written in session %s is late", self._session_id)

    async def _release(self) -> None:
        try:
            await within(PATIENCE, self._room.flush())
        except asyncio.TimeoutError:
            _log.info("A turn of session %s is not sent yet", self._session_id)
        if _patience(self._cloud.state) <= 0:
            return
        wish = {"session": self._session_id, "holder": self._holder}
        try:
            await within(PATIENCE, self._cloud.mutation("sessions:releaseLease", wish))
            await self._room.note_lease(self._session_id, None)
        except (CloudError, StoreError, asyncio.TimeoutError) as error:
            _log.info("The lease of %s could not be given back: %s", self._session_id, error)


def _patience(state: CloudState) -> float:
    """Return for how many seconds the server is waited for, as it stands with it."""
    if state.kind == "online":
        return PATIENCE
    if state.kind in ("connecting", "offline"):
        return PATIENCE - (now_ms() - state.since) / 1000
    return 0.0


def _held(answer: Any) -> Held:
    lease = answer["lease"]
    behind = now_ms() - answer["now"]
    name = "" if lease.get("mine", True) else lease.get("name") or SOMEBODY
    return Held(lease["label"], lease["since"] + behind, lease["expiresAt"] + behind, name)
