"""What a turn is asked, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .exceptions import IpyClaudeError
from .hands import ChangeCells
from .messages import ContentBlock, Message, TextBlock, new_id
from .permissions import Asker
from .protocol import TurnState

_TITLE_CHARS = 80


@dataclass(frozen=True)
class Question:
    """What one turn asks, and how.

    `changes` are `EngineOptions` fields for this turn alone. `ask` shows an approval to a
    person; None says that nobody is there to answer.
    """

    content: tuple[ContentBlock, ...]
    prompt_hash: str | None = None
    cell_id: str | None = None
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    allow: tuple[str, ...] = ()
    ask: Asker | None = None
    #: The notebook cell that asks, as the host knows it: where the notebook's tools show.
    parent: object = None
    #: Changes the notebook's cells, where a page that shows this turn can.
    change_cells: ChangeCells | None = None
    turn_id: str = field(default_factory=new_id)

    @property
    def title(self) -> str:
        """The prompt's first line, shortened."""
        text = next((b.text for b in self.content if isinstance(b, TextBlock)), "")
        line = text.strip().splitlines()[0] if text.strip() else ""
        return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1] + "…"


@dataclass(frozen=True)
class Answer:
    """A finished turn: its messages in order, and how it ended."""

    turn: TurnState
    messages: tuple[Message, ...]
    error: IpyClaudeError | None = None

    @property
    def text(self) -> str:
        """What Claude said last, as Markdown, without thinking, tools or subagents."""
        parts: list[str] = []
        for message in self.messages:
            if message.type == "tool":
                parts.clear()
            elif message.type == "assistant" and message.parent_tool_use_id is None:
                parts.extend([message.text] if message.text else [])
        return "\n\n".join(parts)
