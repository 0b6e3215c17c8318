"""What replication uses, by day: Convex's calls and bytes cost money."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from ..exceptions import StoreError
from ..messages import now_ms
from ..store.replication import Replication
from ..times import day
from . import Cloud

_log = logging.getLogger(__name__)

#: How often it is written down, in seconds.
INTERVAL = 60.0


class Meter:
    """Adds what a connection used to what the store knows of the day.

    Parameters
    ----------
    cloud, replication
        What is measured, and where it is kept.
    """

    def __init__(self, cloud: Cloud, replication: Replication) -> None:
        self._cloud, self._replication = cloud, replication
        self._noted = replace(cloud.stats)

    async def run(self) -> None:
        """Note it now and then until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.note()

    async def note(self) -> None:
        """Write down what was used since the last time, if anything was."""
        now, before = replace(self._cloud.stats), self._noted
        used = {
            "calls": now.calls - before.calls,
            "bytes_up": now.bytes_up - before.bytes_up,
            "bytes_down": now.bytes_down - before.bytes_down,
        }
        if not any(used.values()):
            return
        today = day(now_ms())
        try:
            await asyncio.to_thread(self._replication.note_use, today, **used)
        except StoreError as error:  # a count is not worth more
            _log.warning("What Convex was asked could not be noted: %s", error)
        else:
            self._noted = now
