"""From the engine's events to what is shown and stored; no I/O.

`LiveBlocks` follows the blocks of one turn while they grow. Each block becomes a message of
its own, under the id that it had while it was growing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .engine import BlockDelta, BlockStarted, MessageDone, ToolPrinted
from .messages import (
    ContentBlock,
    Message,
    StreamTail,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    new_id,
)
from .protocol import BlockClosed, BlockOpened, Delta, Event, LiveBlock, MessageSaved, Printed


def text_of(block: ContentBlock) -> str | None:
    """Return the text of a block that streams as text, None for the others."""
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ThinkingBlock):
        return block.thinking
    return None


def with_text(block: ContentBlock, text: str, **more: Any) -> ContentBlock:
    """Return the text or thinking block with another text; other blocks as they are."""
    if isinstance(block, TextBlock):
        return block.model_copy(update={"text": text, **more})
    if isinstance(block, ThinkingBlock):
        return block.model_copy(update={"thinking": text, **more})
    return block


@dataclass
class _Entry:
    k: int
    id: str
    block: ContentBlock
    parent: str | None
    parts: list[str] = field(default_factory=list[str])
    saved_parts: int = 0
    saved_chars: int = 0
    opened: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class LiveBlocks:
    """The growing blocks of one turn."""

    def __init__(self, session_id: str, turn_id: str) -> None:
        self.session_id, self.turn_id = session_id, turn_id
        self._entries: dict[tuple[str, int], _Entry] = {}
        #: What running commands have printed so far, by tool call.
        self._printed: dict[str, Printed] = {}
        self._next_k = 0

    def opened(self, event: BlockStarted) -> list[Event]:
        """A block begins. A new API message replaces what a broken one left behind."""
        stale = [
            (place, entry)
            for place, entry in self._entries.items()
            if place[0] != event.key and entry.parent == event.parent_tool_use_id
        ]
        for place, _ in stale:
            del self._entries[place]
        self._next_k += 1
        entry = _Entry(self._next_k, new_id(), event.block, event.parent_tool_use_id)
        start = text_of(event.block)
        if start:
            entry.parts.append(start)
        self._entries[event.key, event.index] = entry
        return [
            *(BlockClosed(k=entry.k, drop=True) for _, entry in stale),
            BlockOpened(live=self._live(entry)),
        ]

    def grew(self, event: BlockDelta | ToolPrinted) -> list[Event]:
        """A block grows; the input of a tool call is shown only when it is whole."""
        if isinstance(event, ToolPrinted):
            printed = Printed(tool_use_id=event.tool_use_id, text=event.text)
            self._printed[event.tool_use_id] = printed
            return [printed]
        entry = self._entries.get((event.key, event.index))
        if entry is None or text_of(entry.block) is None or not event.text:
            return []
        entry.parts.append(event.text)
        return [Delta(k=entry.k, s=event.text)]

    def landed(self, event: MessageDone) -> tuple[list[Message], list[Event]]:
        """Whole blocks arrived: the messages to store, and what to tell once they are."""
        messages: list[Message] = []
        events: list[Event] = []
        for offset, whole in enumerate(event.content):
            if isinstance(whole, ToolResultBlock):
                self._printed.pop(whole.tool_use_id, None)
            entry = self._entries.pop((event.key, event.first_index + offset), None)
            block = whole
            if entry is not None and isinstance(whole, ThinkingBlock):
                took = round((time.monotonic() - entry.opened) * 1000)
                block = whole.model_copy(update={"duration_ms": took})
            message = Message(
                client_id=entry.id if entry else new_id(),
                session_id=self.session_id,
                turn_id=self.turn_id,
                type=event.type,
                content=(block,),
                parent_tool_use_id=event.parent_tool_use_id,
                model=event.model,
                uuid=event.uuid,
            )
            messages.append(message)
            if entry is None:
                events.append(MessageSaved(message=message))
            else:
                streamed = isinstance(block, TextBlock) and block.text == entry.text
                events.append(BlockClosed(k=entry.k, block=None if streamed else block))
        return messages, events

    def abandoned(self) -> tuple[list[Message], list[Event]]:
        """Keep as messages what had been received of blocks that never ended."""
        messages: list[Message] = []
        events: list[Event] = []
        for entry in self._entries.values():
            if not entry.text.strip():
                events.append(BlockClosed(k=entry.k, drop=True))
                continue
            messages.append(
                Message(
                    client_id=entry.id,
                    session_id=self.session_id,
                    turn_id=self.turn_id,
                    type="assistant",
                    content=(with_text(entry.block, entry.text),),
                    parent_tool_use_id=entry.parent,
                )
            )
            events.append(BlockClosed(k=entry.k))
        self._entries.clear()
        return messages, events

    def pieces(self) -> list[StreamTail]:
        """What has grown since the last call, as pieces to checkpoint (S1)."""
        return list(self._new_pieces())

    def _new_pieces(self) -> Iterator[StreamTail]:
        for entry in self._entries.values():
            text = "".join(entry.parts[entry.saved_parts :])
            if not text:
                continue
            yield StreamTail(
                session_id=self.session_id,
                turn_id=self.turn_id,
                message_id=entry.id,
                start=entry.saved_chars,
                block=with_text(entry.block, text),
                parent_tool_use_id=entry.parent,
            )
            entry.saved_parts = len(entry.parts)
            entry.saved_chars += len(text)

    def live(self) -> tuple[LiveBlock, ...]:
        """The growing blocks with all their text so far, for a view that joins late."""
        return tuple(self._live(entry) for entry in self._entries.values())

    def printed(self) -> tuple[Printed, ...]:
        """What the commands that run now have printed so far, for a view that joins late."""
        return tuple(self._printed.values())

    def _live(self, entry: _Entry) -> LiveBlock:
        return LiveBlock(
            k=entry.k,
            id=entry.id,
            turn_id=self.turn_id,
            block=with_text(entry.block, entry.text),
            parent_tool_use_id=entry.parent,
        )


def joined(pieces: list[StreamTail]) -> list[Message]:
    """Put the checkpointed pieces of unfinished answers together, one message each."""
    found: dict[str, list[StreamTail]] = {}
    for piece in pieces:
        found.setdefault(piece.message_id, []).append(piece)
    messages: list[Message] = []
    for message_id, group in found.items():
        group.sort(key=lambda piece: piece.start)
        text = "".join(text_of(piece.block) or "" for piece in group)
        messages.append(
            Message(
                client_id=message_id,
                session_id=group[0].session_id,
                turn_id=group[0].turn_id,
                type="assistant",
                content=(with_text(group[0].block, text),),
                parent_tool_use_id=group[0].parent_tool_use_id,
                timestamp=group[-1].updated_at,
            )
        )
    return messages
