"""An answer while it is being written: pieces go up while somebody else watches, and come down.

A piece is never stored where it comes down: the whole message follows, and whoever wrote half
of it is the only one to say what became of the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import CloudError
from ..messages import Message, StreamTail, TextBlock, ThinkingBlock, Value
from . import Cloud
from ._within import within
from .tail import follow

_log = logging.getLogger(__name__)

#: Least time between two calls, in seconds.
PUSH_SECONDS = 0.25
_PATIENCE = 5.0
#: What one piece holds, in characters, and one call, in pieces (js/convex/model/limits.ts).
_PIECE_CHARS = 12_000
_MOST = 50
#: Pieces after which the live query is asked anew from there: it reads all that it covers.
_RENEW = 25


@dataclass
class _Growing:
    """A block that grows here."""

    first: StreamTail
    parts: list[str] = field(default_factory=list[str])
    #: Characters that are there.
    sent: int = 0

    @property
    def text(self) -> str:
        return "".join(self.parts)


class Streams:
    """The growing answers of one kernel, and those of others in the sessions open here.

    Parameters
    ----------
    mine
        Says whether a turn of this kernel runs in a session.
    watched
        Says whether somebody on another server looks at a session now.
    deliver
        Gets pieces that grow on other servers, on the loop.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        mine: Callable[[str], bool],
        watched: Callable[[str], bool],
        deliver: Callable[[Sequence[StreamTail]], None],
    ) -> None:
        self._cloud = cloud
        self._mine, self._watched, self._deliver = mine, watched, deliver
        #: By session and message.
        self._growing: dict[str, dict[str, _Growing]] = {}
        #: What was sent and will never land.
        self._stale: dict[str, list[str]] = {}
        self._woken = asyncio.Event()

    def heard(self, values: Sequence[Value]) -> None:
        """Take notice of what was written to the store."""
        for value in values:
            if isinstance(value, StreamTail) and self._mine(value.session_id):
                self._grew(value)
            elif isinstance(value, Message) and value.session_id in self._growing:
                self._landed(value)

    def wake(self) -> None:
        """Look again whether somebody watches."""
        self._woken.set()

    def _grew(self, piece: StreamTail) -> None:
        known = self._growing.setdefault(piece.session_id, {})
        growing = known.setdefault(piece.message_id, _Growing(piece))
        if piece.start == len(growing.text):  # not one that was told twice
            growing.parts = [growing.text + _text(piece)]
            self._woken.set()

    def _landed(self, message: Message) -> None:
        known = self._growing[message.session_id]
        known.pop(message.client_id, None)
        if message.type != "result":
            return
        left = self._growing.pop(message.session_id)
        stale = [mid for mid, growing in left.items() if growing.sent]
        if stale:
            self._stale[message.session_id] = stale
            self._woken.set()

    # -- up ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._cloud.state.kind == "online":
                for session_id in [*self._growing, *self._stale]:
                    await self._push(session_id)
            await asyncio.sleep(PUSH_SECONDS)

    async def _push(self, session_id: str) -> None:
        deltas = list(self._new(session_id))[:_MOST] if self._watched(session_id) else []
        try:
            if deltas:
                args = {"session": session_id, "deltas": [row for _, row in deltas]}
                await within(_PATIENCE, self._cloud.mutation("streams:push", args))
            stale = self._stale.pop(session_id, None)
            if stale:
                args = {"session": session_id, "messageClientIds": stale}
                await within(_PATIENCE, self._cloud.mutation("streams:clear", args))
        except (CloudError, asyncio.TimeoutError) as error:
            _log.info("A growing answer could not be shown elsewhere: %s", error)
            return
        for growing, row in deltas:
            growing.sent = max(growing.sent, row["end"])

    def _new(self, session_id: str) -> Iterator[tuple[_Growing, dict[str, Any]]]:
        for message_id, growing in self._growing.get(session_id, {}).items():
            text = growing.text
            for start in range(growing.sent, len(text), _PIECE_CHARS):
                piece = text[start : start + _PIECE_CHARS]
                row: dict[str, Any] = {
                    "messageClientId": message_id,
                    "turnId": growing.first.turn_id,
                    "blockIndex": 0,
                    "type": growing.first.block.type,
                    "start": start,
                    "end": start + len(piece),
                    "text": piece,
                }
                parent = growing.first.parent_tool_use_id
                yield growing, {**row, "parentToolUseId": parent} if parent else row

    # -- down ----------------------------------------------------------------------------

    async def follow(self, session_id: str) -> None:
        """Hand over what grows on other servers in a session, until cancelled."""
        after = 0.0

        async def fold(page: Any) -> bool:
            nonlocal after
            rows = [row for row in page["deltas"] if row["order"] > after]
            if not rows:
                return False
            after = rows[-1]["order"]
            if not self._mine(session_id):
                self._deliver([_piece(row, session_id) for row in rows])
            return bool(page["more"]) or len(page["deltas"]) >= _RENEW

        while True:
            args = {"session": session_id, "after": after}
            await follow(self._cloud, "streams:tail", args, fold)


def _text(piece: StreamTail) -> str:
    block = piece.block
    if isinstance(block, TextBlock):
        return block.text
    return block.thinking if isinstance(block, ThinkingBlock) else ""


def _piece(row: Any, session_id: str) -> StreamTail:
    text = row["text"]
    block = ThinkingBlock(thinking=text) if row["type"] == "thinking" else TextBlock(text=text)
    return StreamTail(
        session_id=session_id,
        turn_id=row["turnId"],
        message_id=row["messageClientId"],
        start=int(row["start"]),
        block=block,
        parent_tool_use_id=row.get("parentToolUseId"),
    )
