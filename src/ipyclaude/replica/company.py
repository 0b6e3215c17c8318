"""The other servers: who holds which session, who is here, what grows there, who answered first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import CloudError, CloudRefused, NotAllowed
from ..messages import Approval, Value
from . import Cloud
from ._within import within
from .lease import Room, ServerLease
from .people import Writers
from .presence import Presence
from .rows import approval_from, approval_input
from .streams import Streams

_log = logging.getLogger(__name__)

_PARTING_SECONDS = 2.0
_DECIDE_SECONDS = 5.0


class Company:
    """What one kernel shares with those of other servers, beside what is stored.

    Parameters
    ----------
    room
        The replica.
    holder, label
        Names this kernel, and what people call its server.
    dead
        Says whether a holder of a lease is known to be a dead kernel.
    met
        Called on the loop when somebody came, went or looked away.
    """

    def __init__(
        self,
        cloud: Cloud,
        room: Room,
        *,
        holder: str,
        label: str,
        dead: Callable[[str], bool],
        met: Callable[[], None],
    ) -> None:
        self._cloud, self._room = cloud, room
        self._holder, self._dead = holder, dead
        #: What other servers call this one.
        self.label = label
        self._met = met
        self._leases: dict[str, ServerLease] = {}
        #: Told of pieces of answers that grow on other servers.
        self._listeners: list[Callable[[Sequence[Value]], None]] = []
        self.presence = Presence(cloud, key=holder, label=label, changed=self._changed)
        self.writers = Writers(cloud, holder=holder, heard=self._holds, changed=met)
        self.streams = Streams(
            cloud,
            mine=self._is_running,
            watched=self.presence.watched,
            deliver=self._deliver,
        )

    def lease(self, session_id: str) -> ServerLease:
        """Return this kernel's hold on a session among all servers (S4)."""
        return self._leases.setdefault(
            session_id,
            ServerLease(
                self._cloud,
                self._room,
                session_id,
                holder=self._holder,
                label=self.label,
                dead=self._dead,
            ),
        )

    async def follow(self, session_id: str) -> None:
        """Follow what happens beside what is stored in a session that is open, until cancelled."""
        await asyncio.gather(self.streams.follow(session_id), self.writers.follow(session_id))

    def alone(self, session_id: str, *, now: bool = False) -> str:
        """Say why the last turn here went on without the other servers' leave; empty if it had it.

        With `now` only while that turn runs.
        """
        lease = self._leases.get(session_id)
        return lease.alone if lease is not None and (lease.held or not now) else ""

    @property
    def running(self) -> bool:
        """Whether a turn of this kernel runs in a session that others may have."""
        return any(lease.held for lease in self._leases.values())

    def on_growing(self, listener: Callable[[Sequence[Value]], None]) -> None:
        """Call `listener` on the loop with pieces of answers that grow on other servers."""
        self._listeners.append(listener)

    async def decide(self, approval: Approval) -> Approval | None:
        """Decide a pending approval on the server, where the first decision stands for all.

        Return it as it now stands; None where the server can't be asked.

        Raises
        ------
        NotAllowed
            It is asked on somebody else's machine, and the server can't be asked or refuses.
        """
        try:
            stands = await self._decide(approval)
        except CloudRefused as error:
            if not approval.person:
                _log.info("An answer is decided here alone: %s", error)
                return None
            raise NotAllowed(
                f"{approval.person}'s machine does not take your answer.",
                why=error.why,
                fix="They answer it there.",
            ) from error
        if stands is None and approval.person:
            raise NotAllowed(
                f"{approval.person}'s machine can't be reached, so your answer was not given.",
                fix="Try again once you are online, or let them answer it there.",
            )
        return stands

    async def _decide(self, approval: Approval) -> Approval | None:
        if self._cloud.state.kind != "online":
            return None
        row, file = approval_input(approval, self.label)
        if file is not None:
            return None
        # What is asked, and whether others may answer, a decision doesn't change.
        del row["turnId"]
        row.pop("editorsMay", None)
        place = {"session": approval.session_id, "approval": row.pop("clientId")}
        try:
            call = self._cloud.mutation("approvals:decide", {**place, **row})
            stands: Any = await within(_DECIDE_SECONDS, call)
            return approval_from(stands, approval.session_id)
        except CloudRefused:
            raise
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("An answer is decided here alone: %s", error)
            return None

    async def part(self) -> None:
        """Wait a moment for the leases that are being given back (the others expire), and leave."""
        waits = [asyncio.ensure_future(lease.settled()) for lease in self._leases.values()]
        if waits:
            await asyncio.wait(waits, timeout=_PARTING_SECONDS)
        for lease in self._leases.values():
            lease.close()
        await asyncio.gather(*waits, return_exceptions=True)
        self._leases.clear()
        await self.presence.close()

    def _holds(self, session_id: str, holder: str) -> None:
        lease = self._leases.get(session_id)
        if lease is not None:
            lease.noticed(holder)

    def _is_running(self, session_id: str) -> bool:
        """Say whether a turn of this kernel runs in a session."""
        lease = self._leases.get(session_id)
        return lease is not None and lease.held

    def _changed(self) -> None:
        # What grows here may be wanted now.
        self.streams.wake()
        self._met()

    def _deliver(self, pieces: Sequence[Value]) -> None:
        for listener in list(self._listeners):
            listener(pieces)
