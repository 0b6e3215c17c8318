"""Turns that others crossed: they wrote where this machine did not know, and Claude did not.

That can be where a turn went without the server's leave, or was sent only when its lease was
over. The server refuses such a turn until it was kept apart; then all of it goes, as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from ..store.replication import Replication
from . import Cloud
from .batches import Batch

#: Sees to it that turns of a session can be gone on from without those of others; False if that
#: can't be done now. Gets (session, turns, turns of others).
Apart = Callable[[str, Sequence[str], Collection[str]], Awaitable[bool]]


class Crossings:
    """What of a session's turns was crossed, found when they are sent; used by the drain."""

    def __init__(self, cloud: Cloud, replication: Replication) -> None:
        self._cloud, self._replication = cloud, replication
        #: Where it is None nobody is asked.
        self.apart: Apart | None = None
        #: Sessions in which it was found that all is ours, though the server counted more.
        self._ours = set[str]()

    def ask(self, batch: Batch) -> None:
        """Let a call be refused if others crossed its turns; reads the store."""
        if self.apart is None or batch.session_id in self._ours:
            self._ours.discard(batch.session_id)
            return
        knew = self._replication.knew(batch.session_id, batch.turns)
        if knew is not None:
            batch.args["knew"] = {"seq": knew.seq, "mine": knew.mine}

    async def settle(self, batch: Batch) -> bool:
        """Keep apart what was crossed, so that it can be sent; False if that can't be done now.

        Raises
        ------
        CloudError
            The server can't say who crossed it.
        """
        assert self.apart is not None
        session_id, seq = batch.session_id, int(batch.args["knew"]["seq"])
        own = await asyncio.to_thread(self._replication.unsent_turns, session_id)
        others, last = await self._others(session_id, seq, {*own, *batch.turns})
        if not others:  # an answer of the server was lost, and what it had taken is counted
            self._ours.add(session_id)
            return True
        turns = await asyncio.to_thread(self._replication.crossed, session_id, last)
        if not await self.apart(session_id, turns, others):
            return False
        for turn_id in turns:
            await asyncio.to_thread(self._replication.note_hold, session_id, turn_id, None)
        return True

    async def _others(
        self, session_id: str, seq: int, own: Collection[str]
    ) -> tuple[frozenset[str], int]:
        """Return the turns of others behind a place, and the last place that they have."""
        others, last, more = set[str](), seq, True
        while more:
            args = {"session": session_id, "after": seq}
            page = await self._cloud.query("messages:after", args)
            for row in page["messages"]:
                seq = int(row["seq"])
                if row["turnId"] not in own:
                    others.add(row["turnId"])
                    last = seq
            more = page["more"] and bool(page["messages"])
        return frozenset(others), last
