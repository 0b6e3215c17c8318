"""Who else has a session open, and who writes in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ..exceptions import CloudError
from . import Cloud
from ._within import within
from .presence import Other

#: How long the server may take to say it, in seconds.
PATIENCE = 3.0


@dataclass(frozen=True)
class Writer:
    """Who holds the session's lease, and since when (epoch ms)."""

    label: str
    since: float


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
    if lease is None or lease["holder"] == holder or lease["expiresAt"] <= now:
        return None
    return Writer(str(lease["label"]), float(lease["since"]))


async def _ask(cloud: Cloud, session_id: str) -> Any:
    return await cloud.query("sessions:lease", {"session": session_id})
