"""What another kernel writes to a session that is open here, as events for the views."""

from __future__ import annotations

from collections.abc import Sequence

from .fold import text_of, with_text
from .messages import Approval, Message, SessionInfo, StreamTail, TodoList, Value
from .protocol import (
    ApprovalChanged,
    BlockClosed,
    BlockOpened,
    Delta,
    Event,
    LiveBlock,
    MessageSaved,
    SessionChanged,
    TodosReplaced,
)

#: Above every number that this kernel gives to its own blocks in one turn.
_FIRST_K = 1_000_000


class RemoteTails:
    """Follows the growing answers of other kernels by their checkpoints."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._growing: dict[str, LiveBlock] = {}
        self._next_k = _FIRST_K

    def live(self) -> tuple[LiveBlock, ...]:
        """The blocks that another kernel is writing."""
        return tuple(self._growing.values())

    def events(self, values: Sequence[Value]) -> list[Event]:
        """Return what the views should be told of these values."""
        events: list[Event] = []
        for value in values:
            if isinstance(value, StreamTail):
                events.extend(self._piece(value))
            elif isinstance(value, Message):
                events.extend(self._message(value))
            elif isinstance(value, TodoList):
                events.append(TodosReplaced(todos=value.todos))
            elif isinstance(value, Approval):
                events.append(ApprovalChanged(approval=value))
            elif isinstance(value, SessionInfo):
                events.append(SessionChanged(session=value))
        return events

    def _piece(self, piece: StreamTail) -> list[Event]:
        text = text_of(piece.block) or ""
        known = self._growing.get(piece.message_id)
        if known is None:
            self._next_k += 1
            known = LiveBlock(
                k=self._next_k,
                id=piece.message_id,
                turn_id=piece.turn_id,
                block=piece.block,
                parent_tool_use_id=piece.parent_tool_use_id,
            )
            self._growing[piece.message_id] = known
            return [BlockOpened(live=known)]
        before = text_of(known.block) or ""
        if piece.start != len(before):  # a piece that arrived twice
            return []
        self._growing[piece.message_id] = known.model_copy(
            update={"block": with_text(known.block, before + text)}
        )
        return [Delta(k=known.k, s=text)]

    def _message(self, message: Message) -> list[Event]:
        known = self._growing.pop(message.client_id, None)
        events: list[Event] = []
        if known is not None:
            events.append(BlockClosed(k=known.k, drop=True))
        if message.type == "result":
            # A turn is over: whatever it left growing was superseded.
            ended = [g for g in self._growing.values() if g.turn_id == message.turn_id]
            for block in ended:
                del self._growing[block.id]
                events.append(BlockClosed(k=block.k, drop=True))
        events.append(MessageSaved(message=message))
        return events
