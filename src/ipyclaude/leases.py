"""One writer at a time (S4): a turn holds its session's lease, renewed by heartbeat.

The lease expires by itself, and a holder on this host whose process is gone is not waited for.
"""

from __future__ import annotations

import asyncio
import os
import socket

from .exceptions import SessionBusy, SessionNotFound
from .messages import SessionInfo, new_id, now_ms
from .store import Store

LEASE_MS = 15_000
HEARTBEAT_SECONDS = 5.0


def make_holder() -> str:
    """Name this kernel as a holder: `pid@host/id`."""
    return f"{os.getpid()}@{socket.gethostname()}/{new_id()}"


def alive(info: SessionInfo) -> bool:
    """Say whether somebody holds the session's lease now.

    A process of this host is looked up, so that a killed kernel is not waited for.
    """
    if info.holder is None or (info.holder_expires_at or 0) <= now_ms():
        return False
    pid, _, host = info.holder.partition("/")[0].partition("@")
    if host != socket.gethostname() or not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Lease:
    """This kernel's hold on one session."""

    def __init__(self, store: Store, session_id: str, holder: str) -> None:
        self._store, self._session_id, self._holder = store, session_id, holder

    def take(self, info: SessionInfo) -> SessionInfo:
        """Take the lease.

        Raises
        ------
        SessionBusy
            Another kernel holds it.
        SessionNotFound
            The session was deleted.
        """
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
                why=f"{_label(row.holder)} holds it until its turn is over.",
                fix="Wait for it, or go on in a copy: %claude_session fork.",
            )
        return row

    def _try(self) -> SessionInfo | None:
        return self._store.lease(self._session_id, self._holder, now_ms() + LEASE_MS)

    async def keep(self) -> None:
        """Renew the lease until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._try()

    def give_back(self) -> None:
        """Let others have the session."""
        self._store.lease(self._session_id, self._holder, None)


def _label(holder: str | None) -> str:
    return (holder or "").partition("/")[0].replace("@", " on ", 1) or "It"
