"""Ports for servers that must be told theirs before they start."""

from __future__ import annotations

import contextlib
import secrets
import socket

#: Below those that systems hand out by themselves: nobody is given one of these between our look
#: and the server's own bind.
_FIRST, _LAST = 15_000, 30_000


def free_ports(count: int) -> list[int]:
    """Return TCP ports of this machine that nobody listens on."""
    found: set[int] = set()
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    return free_ports(1)[0]
