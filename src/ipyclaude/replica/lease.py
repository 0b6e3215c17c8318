"""One writer at a time among servers (S4): the lease that Convex gives out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..exceptions import CloudError, CloudRefused, NotAllowed, StoreError
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
#: How long it is waited before a lease that could not be given back is tried again.
_RETRY_SECONDS = (0.2, 1.0, 5.0)


@dataclass(frozen=True)
class Held:
    """Somebody else's hold: what that server is called, since and until when (our epoch ms)."""

    holder: str
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

    async def flush(self, session_id: str) -> None:
        """Wait until all of a session is sent that can be sent."""
        ...

    async def note_hold(self, session_id: str, turn_id: str, until: float | None) -> None:
        """Note until when (epoch ms) no other server could write beside a turn; None forgets it."""
        ...

    async def note_lease(self, session_id: str, lease: tuple[str, float] | None) -> None:
        """Note who holds a session on the server."""
        ...

    def tell(self) -> None:
        """Tell whoever listens that it stands another way."""
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
    dead
        Says whether such a name is known to be a dead kernel's.
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
        dead: Callable[[str], bool] = lambda _: False,
        lease_ms: float = LEASE_MS,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._cloud, self._room, self._session_id = cloud, room, session_id
        self._holder, self._label, self._dead = holder, label, dead
        self._lease_ms, self._heartbeat = lease_ms, heartbeat
        #: A turn of this kernel runs.
        self.held = False
        #: What others wrote before was not all here in time.
        self.late = False
        #: The server gave it to us.
        self.granted = False
        #: The turn that it was taken for.
        self._turn_id = ""
        #: Since the turn began it was nobody's or another's for a while, who may have written.
        self.crossed = False
        #: Why the turn goes on without an answer of the server; empty where it has one.
        self.alone = ""
        #: Set when it looks as if somebody else had taken it: ask at once.
        self._doubted = asyncio.Event()
        self._giving_back: asyncio.Task[None] | None = None

    async def take(self, turn_id: str = "") -> Held | None:
        """Take the lease for a turn; return who else has it, None if we do or nobody can say."""
        if self._giving_back is not None:
            self._giving_back.cancel()
            await asyncio.gather(self._giving_back, return_exceptions=True)
            self._giving_back = None
        self.late = self.crossed = self.granted = False
        self._turn_id = turn_id
        held, next_seq = await self._acquire()
        if held is not None and self._dead(held.holder):
            await self._free(held.holder)
            held, next_seq = await self._acquire()
        self.held = held is None
        if self.held and not self.granted:
            await self._note_hold(0)
        self._room.tell()
        if self.granted:
            await self._catch_up(next_seq - 1)
        return held

    async def keep(self) -> Held:
        """Renew the lease until cancelled; return who has it once that is somebody else."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._heartbeat, self._doubted.wait())
            self._doubted.clear()
            held = await self._renew()
            if held is not None:
                self.held = False
                await self._note_hold(0)
                return held

    async def _renew(self) -> Held | None:
        if self.granted:
            # Not the call that takes it: that would not tell of one who had it and gave it back.
            answer = await self._ask("sessions:renewLease")
            if answer is None or answer["granted"]:
                return None
            self.granted = False
        held, next_seq = await self._acquire()
        if self.granted:
            await self._note_hold(0)
            # First of all what they wrote: whoever sees that it was crossed looks at that.
            await self._catch_up(next_seq - 1)
            self.crossed = True
            self._room.tell()
        return held

    def noticed(self, holder: str) -> None:
        """Take note of who holds it, as the server tells everybody."""
        if self.held and holder != self._holder:
            self._doubted.set()

    async def take_over(self) -> None:
        """Take the lease from whoever has it; it expires by itself unless a turn begins.

        Raises
        ------
        NotAllowed
            Who has it is no other person.
        CloudError
            The server can't be asked, or refuses.
        """
        wish = {"session": self._session_id, "holder": self._holder, "label": self._label}
        call = self._cloud.mutation(
            "sessions:acquireLease", {**wish, "ttlMs": self._lease_ms, "takeOver": True}
        )
        try:
            answer: Any = await within(PATIENCE, call)
        except asyncio.TimeoutError:
            raise unanswered() from None
        await self._note(answer)
        if not answer["granted"]:
            raise NotAllowed(
                "This turn is not taken over.",
                why=f"{answer['lease']['label']} is a server of your own.",
                fix="Stop it there, or wait for it: %claude_session wait.",
            )

    async def settle(self) -> None:
        """Note that no more need be asked of the turn: what crossed it was seen to."""
        await self._note_hold(None)

    def give_back(self) -> Awaitable[None]:
        """Let others have the session, once what was written in it is there; need not be awaited.

        It expires by itself where that can't be told.
        """
        self.held = False
        self._room.tell()
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
        """Return who else has it, if anybody, and the place of the session's next message."""
        answer = await self._ask("sessions:acquireLease", label=self._label)
        if answer is None:
            return None, 0
        self.granted = bool(answer["granted"])
        return None if self.granted else _held(answer), int(answer["nextSeq"])

    async def _ask(self, path: str, **more: Any) -> Any:
        """Return what the server says of the lease; None, and `alone`, where it can't be asked."""
        answer, why = await self._call(path, more)
        if why != self.alone:
            self.alone = why
            self._room.tell()
        return answer

    async def _call(self, path: str, more: dict[str, Any]) -> tuple[Any, str]:
        patience = _patience(self._cloud.state)
        if patience <= 0:
            return None, self._cloud.state.detail
        wish = {"session": self._session_id, "holder": self._holder, "ttlMs": self._lease_ms}
        asked = now_ms()
        try:
            answer: Any = await within(patience, self._cloud.mutation(path, {**wish, **more}))
            await self._note(answer)
            if answer["granted"] and not self.crossed:
                await self._note_hold(asked + self._lease_ms)
        except (CloudError, StoreError, asyncio.TimeoutError) as error:
            # A session that isn't there yet is nobody else's.
            unknown = isinstance(error, CloudRefused) and error.code == "NotFound"
            return None, "" if unknown else self._words(error)
        return answer, ""

    def _words(self, error: BaseException) -> str:
        if not isinstance(error, asyncio.TimeoutError):
            return str(error)
        state = self._cloud.state
        return "Convex did not answer in time." if state.kind == "online" else state.detail

    async def _note(self, answer: Any) -> None:
        if answer["lease"] is None:
            return
        lease, left = answer["lease"], answer["lease"]["expiresAt"] - answer["now"]
        await self._room.note_lease(self._session_id, (lease["holder"], now_ms() + left))

    async def _note_hold(self, until: float | None) -> None:
        if not self._turn_id:
            return
        try:
            await self._room.note_hold(self._session_id, self._turn_id, until)
        except StoreError as error:  # the lease must be kept all the same
            _log.warning("How long a turn is held could not be noted: %s", error)

    async def _catch_up(self, seq: int) -> None:
        """Wait for what the last holder wrote, so that this turn comes after it."""
        try:
            await within(PATIENCE, self._room.reach(self._session_id, seq))
        except asyncio.TimeoutError:
            self.late = True
            _log.warning("What was last written in session %s is late", self._session_id)

    async def _release(self) -> None:
        try:
            # Not for longer than it lasts by itself.
            await within(self._lease_ms / 1000, self._room.flush(self._session_id))
        except asyncio.TimeoutError:
            _log.info("A turn of session %s is not sent yet", self._session_id)
        if _patience(self._cloud.state) <= 0:
            return
        if await self._free(self._holder, _RETRY_SECONDS):
            with contextlib.suppress(StoreError):  # the list of leases says it too
                await self._room.note_lease(self._session_id, None)

    async def _free(self, holder: str, waits: Sequence[float] = ()) -> bool:
        """Give a holder's lease back; False where that can't be told, and it expires by itself."""
        wish = {"session": self._session_id, "holder": holder}
        for wait in (*waits, None):
            try:
                await within(PATIENCE, self._cloud.mutation("sessions:releaseLease", wish))
            except (CloudError, asyncio.TimeoutError) as error:
                _log.info("The lease of %s could not be given back: %s", self._session_id, error)
                if wait is None or isinstance(error, CloudRefused):
                    return False
                await asyncio.sleep(wait)
            else:
                break
        return True


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
    since, until = lease["since"] + behind, lease["expiresAt"] + behind
    name = "" if lease.get("mine", True) else lease.get("name") or SOMEBODY
    return Held(lease["holder"], lease["label"], since, until, name)
