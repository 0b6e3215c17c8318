"""One writer at a time (S4): a turn holds its session's lease, renewed by heartbeat.

The lease expires by itself, and a holder on this host whose process is gone is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

from .exceptions import SessionBusy, SessionNotFound, StoreError
from .messages import SessionInfo, new_id, now_ms
from .store import Store

_log = logging.getLogger(__name__)

LEASE_MS = 15_000
HEARTBEAT_SECONDS = 5.0


def make_holder() -> str:
    """Name this kernel as a holder: `pid@host/start/id`, `start` empty where not known."""
    return f"{os.getpid()}@{socket.gethostname()}/{_start_of(os.getpid()) or ''}/{new_id()}"


def alive(info: SessionInfo) -> bool:
    """Say whether somebody holds the session's lease now.

    A process of this host is looked up, so that a killed kernel is not waited for; neither is
    a zombie, nor another process that got its number.
    """
    if info.holder is None or (info.holder_expires_at or 0) <= now_ms():
        return False
    return not dead(info.holder)


def dead(holder: str) -> bool:
    """Say whether a holder is known to be gone: a process of this host that ended."""
    where, _, more = holder.partition("/")
    pid, _, host = where.partition("@")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    start, known = _start_of(int(pid)), more.partition("/")[0] if more.count("/") else ""
    return start is not None and (start == "" or known not in ("", start))


def _start_of(pid: int) -> str | None:
    """Return when a process began, in ticks since boot; empty if it is dead, None if unknown.

    From /proc/PID/stat, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: after the
    name in brackets come the state and, 19 fields on, the start.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


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
        """Renew the lease until cancelled; return once somebody else has it."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                row = self._try()
            except StoreError as error:
                # A busy disk passes, and the lease outlasts two missed beats.
                _log.warning("The lease could not be renewed: %s", error)
                continue
            if row is None or row.holder != self._holder:
                return

    def give_back(self) -> None:
        """Let others have the session; it expires by itself where that can't be written."""
        try:
            self._store.lease(self._session_id, self._holder, None)
        except StoreError as error:
            _log.warning("The lease could not be given back: %s", error)


def _label(holder: str | None) -> str:
    return (holder or "").partition("/")[0].replace("@", " on ", 1) or "It"
