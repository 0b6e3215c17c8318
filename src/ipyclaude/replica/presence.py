"""Who else has a session open: told by heartbeat, one call for all of a kernel's sessions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..exceptions import CloudError
from . import Cloud
from ._within import within
from .tail import follow

_log = logging.getLogger(__name__)

#: A server that was not heard of for 30 s is gone (js/convex/model/presence.ts).
BEAT_SECONDS = 10.0
_PATIENCE = 5.0
_PARTING_SECONDS = 1.0
#: What one call takes.
_MOST = 100


@dataclass(frozen=True)
class Other:
    """Somebody else's kernel that has a session open; `since` in epoch ms of the server."""

    label: str
    name: str
    #: The same person's.
    mine: bool
    watching: bool
    since: float


class Presence:
    """Says which sessions are open here, and hears who else has them open.

    Parameters
    ----------
    key, label
        Names this kernel, and what people call its server.
    changed
        Called on the loop when somebody came, went or looked away.
    """

    def __init__(
        self, cloud: Cloud, *, key: str, label: str, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._cloud = cloud
        self._key, self._label = key, label
        self._changed = changed
        self._open: dict[str, asyncio.Task[None]] = {}
        self._others: dict[str, tuple[Other, ...]] = {}
        #: Those of which the server was told.
        self._told: set[str] = set()
        self._woken = asyncio.Event()

    def others(self, session_id: str) -> tuple[Other, ...]:
        """Return who else has a session open."""
        return self._others.get(session_id, ())

    def watched(self, session_id: str) -> bool:
        """Say whether somebody else looks at a session now."""
        return any(other.watching for other in self.others(session_id))

    def open(self, session_id: str) -> None:
        """Say that a session is open here, and hear who else has it."""
        if session_id not in self._open:
            self._open[session_id] = asyncio.ensure_future(self._hear(session_id))
            self._woken.set()

    def leave(self, session_id: str) -> None:
        """Say that a session is closed here."""
        task = self._open.pop(session_id, None)
        if task is not None:
            task.cancel()
            self._others.pop(session_id, None)
            self._told.discard(session_id)
            self._woken.set()

    async def run(self) -> None:
        """Send heartbeats until cancelled, none while nothing is open."""
        told = False
        while True:
            self._woken.clear()
            if self._open or told:
                told = await self._beat() and bool(self._open)
            try:
                await within(BEAT_SECONDS, self._woken.wait())
            except asyncio.TimeoutError:
                continue

    async def close(self) -> None:
        """Say that this kernel has closed everything."""
        tasks, was_open = list(self._open.values()), bool(self._open)
        self._open.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if was_open and self._cloud.state.kind == "online":
            await self._call("presence:leave", {"clientKey": self._key}, _PARTING_SECONDS)

    async def _beat(self) -> bool:
        named = list(self._open)[-_MOST:]
        sessions = [{"session": sid, "watching": True} for sid in named]
        server = {"clientKey": self._key, "label": self._label}
        done = await self._call("presence:heartbeat", {**server, "sessions": sessions}, _PATIENCE)
        self._told.update(sid for sid in named if done and sid in self._open)
        return done

    async def _call(self, path: str, args: dict[str, Any], seconds: float) -> bool:
        try:
            await within(seconds, self._cloud.mutation(path, args))
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("%s: %s", path, error)
            return False
        return True

    async def _hear(self, session_id: str) -> None:
        async def fold(rows: Any) -> bool:
            others = tuple(_other(row) for row in rows if row["clientKey"] != self._key)
            if len(others) == len(rows) and session_id in self._told:
                # It was not there yet when the server was told: tell it again, but once.
                self._told.discard(session_id)
                self._woken.set()
            if others != self._others.get(session_id, ()):
                self._others[session_id] = others
                self._changed()
            return False

        while True:
            await follow(self._cloud, "presence:list", {"session": session_id}, fold)


def _other(row: Any) -> Other:
    return Other(row["label"], row["name"], row["mine"], row["watching"], row["since"])
