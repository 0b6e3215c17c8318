"""Who else has a session open, and who writes in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..exceptions import CloudError
from . import Cloud
from ._within import within
from .presence import Other
from .rows import SOMEBODY
from .tail import follow

#: How long the server may take to say it, in seconds.
PATIENCE = 3.0


@dataclass(frozen=True)
class Writer:
    """Who holds the session's lease, and since when (epoch ms)."""

    label: str
    since: float
    #: Whose server it is, where that is another person.
    name: str = ""


@dataclass(frozen=True)
class People:
    """Those besides this kernel."""

    others: tuple[Other, ...] = ()
    writer: Writer | None = None


async def writer(cloud: Cloud, session_id: str, *, holder: str, now: float) -> Writer | None:
    """Ask who writes besides `holder`; None where nobody does, or where it can't be had.

    `now` is the server's time in epoch ms.
    """
    try:
        lease: Any = await within(PATIENCE, _ask(cloud, session_id))
    except (CloudError, asyncio.TimeoutError):  # not there yet, or no network: status says so
        return None
    return _writer(lease, holder=holder, now=now)


class Writers:
    """Follows who writes in the sessions that are open here.

    Parameters
    ----------
    holder
        Names this kernel.
    heard
        Called on the loop with a session's id and who holds it, whenever the server says so.
    changed
        Called on the loop when somebody else began or ended.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        holder: str,
        heard: Callable[[str, str], None],
        changed: Callable[[], None],
    ) -> None:
        self._cloud, self._holder = cloud, holder
        self._heard, self._changed = heard, changed
        self._leases: dict[str, Any] = {}

    def of(self, session_id: str, now: float) -> Writer | None:
        """Return who else writes in a session; `now` is the server's time in epoch ms."""
        return _writer(self._leases.get(session_id), holder=self._holder, now=now)

    async def follow(self, session_id: str) -> None:
        """Follow one session until cancelled."""

        async def fold(lease: Any) -> bool:
            before = _writer(self._leases.get(session_id), holder=self._holder, now=0)
            self._leases[session_id] = lease
            if lease is not None:
                self._heard(session_id, lease["holder"])
            if _writer(lease, holder=self._holder, now=0) != before:
                self._changed()
            return False

        try:
            while True:
                await follow(self._cloud, "sessions:lease", {"session": session_id}, fold)
        finally:
            self._leases.pop(session_id, None)


def _writer(lease: Any, *, holder: str, now: float) -> Writer | None:
    if lease is None or lease["holder"] == holder or lease["expiresAt"] <= now:
        return None
    name = "" if lease.get("mine", True) else lease.get("name") or SOMEBODY
    return Writer(str(lease["label"]), float(lease["since"]), name)


async def _ask(cloud: Cloud, session_id: str) -> Any:
    return await cloud.query("sessions:lease", {"session": session_id})
