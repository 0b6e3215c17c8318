"""What a kernel is called as a holder of leases, and whether such a kernel is known to be gone."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import socket
from pathlib import Path

from .messages import new_id


def make_holder() -> str:
    """Name this kernel as a holder: `pid@host/start/machine/id`.

    `start` and `machine` are empty where not known.
    """
    start, host = _start_of(os.getpid()) or "", socket.gethostname()
    return f"{os.getpid()}@{host}/{start}/{machine()}/{new_id()}"


def label(holder: str | None) -> str:
    """Return what a holder is called for people."""
    return (holder or "").partition("/")[0].replace("@", " on ", 1) or "It"


def dead(holder: str) -> bool:
    """Say whether a holder is known to be gone: a process of this host that ended.

    A killed kernel is so not waited for; neither is a zombie, nor another process that got its
    number.
    """
    where, *more = holder.split("/")
    pid, _, host = where.partition("@")
    start, made_on = (more[0], more[1]) if len(more) == 3 else ("", "")
    if host != socket.gethostname() or not pid.isdigit() or made_on not in ("", machine()):
        return False
    try:
        with contextlib.suppress(PermissionError):  # somebody else's process, but there
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    now = _start_of(int(pid))
    return now is not None and (now == "" or start not in ("", now))


def dead_here(holder: str) -> bool:
    """Say the same of a holder that may be anywhere: a host's name alone proves nothing then."""
    more = holder.split("/")[1:]
    return len(more) == 3 and more[1] != "" and dead(holder)


@functools.cache
def machine() -> str:
    """Return what tells this machine from all others, and its containers from one another.

    The boot's id and the namespace of processes,
    https://man7.org/linux/man-pages/man7/pid_namespaces.7.html; empty where they aren't known.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:12]


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
