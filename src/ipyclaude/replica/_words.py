"""Why Convex can't be reached, in words for a person."""

from __future__ import annotations

import asyncio
import socket
import ssl
from urllib.parse import urlsplit

from ..exceptions import CloudUnreachable, IpyClaudeError, SettingsError
from ._errors import brief


def unreachable(url: str, error: BaseException) -> CloudUnreachable:
    """Return the error of a server that couldn't be reached."""
    return CloudUnreachable(
        f"{host_of(url)} can't be reached.",
        why=reason(error),
        fix="What you do is kept here, and goes there once it can be reached.",
    )


def reason(error: BaseException) -> str:
    """Say in one sentence why a connection failed."""
    if isinstance(error, IpyClaudeError):
        return str(error)
    for cause in _causes(error):
        for kind, words in _REASONS:
            if isinstance(cause, kind):
                return words
    return brief(f"{type(error).__name__}: {error}")


def host_of(url: str) -> str:
    """Return the host, and the port where it is not the usual one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def checked(url: str) -> str:
    """Return a deployment's URL without its end slash.

    Raises
    ------
    SettingsError
        It is not one.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise SettingsError(
            f"CONVEX_URL={url!r} is not a deployment's address.",
            fix="It looks like https://happy-animal-123.convex.cloud, or http://host:3210.",
        )
    return url.strip().rstrip("/")


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "Its name is unknown here; there may be no network."),
    (ConnectionRefusedError, "Nothing answers at that address."),
    (ssl.SSLCertVerificationError, "Its certificate is not one that this machine trusts."),
    (asyncio.TimeoutError, "It did not answer in time."),
    (TimeoutError, "It did not answer in time."),
    (ConnectionResetError, "The connection broke off."),
)


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in causes:
        causes.append(at)
        at = at.__cause__ or at.__context__
    return causes
