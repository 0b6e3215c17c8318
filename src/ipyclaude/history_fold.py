"""From the CLI's transcript entries to our values: pure, one entry after the other.

The shapes were read off transcripts of Claude Code 2.1.330, and off claude-agent-sdk's
`_internal/sessions.py`. Whatever isn't part of the conversation (attachments, request
records, queue operations) stays in the raw transcript only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from .history_lines import Entry
from .messages import (
    ContentBlock,
    Message,
    NoticeBlock,
    ResultBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    parse_block,
)

MessageType = Literal["user", "assistant", "tool", "system", "result"]
# Texts that the CLI writes in the user's name; no title is made of them.
_NOT_TYPED = re.compile(r"\s*(<[a-z][\w-]*>|Caveat: |\[Request interrupted)")
_TITLE = 80
#: A hexadecimal digit with its upper two bits as a UUID has them there (RFC 9562).
_VARIANT = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}


def stable_id(ms: float, *parts: str) -> str:
    """Make an id shaped like a UUIDv7, the same for the same parts.

    Its time is when the thing happened, so imported rows sort among the others; the rest is
    a hash, so that importing again, here or on another server, finds the same rows (S2).
    """
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    when = f"{int(ms) & (1 << 48) - 1:012x}"
    variant = _VARIANT[digest[48]]
    return f"{when[:8]}-{when[8:]}-7{digest[36:39]}-{variant}{digest[49:52]}-{digest[52:]}"


def time_of(entry: Mapping[str, Any]) -> float | None:
    """Return an entry's time in epoch ms, if it says it."""
    text = entry.get("timestamp")
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000
    except ValueError:
        return None


@dataclass
class Turn:
    """The turn that is being read."""

    id: str = ""
    started: float = 0
    last: float = 0
    ended: bool = False
    model: str | None = None
    cost: float = 0
    #: By API message, as the API says it.
    usage: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def tokens(self, kind: str) -> int:
        """Return how many tokens of a kind it took."""
        counts = (_mapping(usage).get(f"{kind}_tokens") for usage in self.usage.values())
        return sum(count for count in counts if isinstance(count, int))


@dataclass
class State:
    """All that reading must remember between two entries; survives as JSON."""

    turn: Turn = field(default_factory=Turn)
    created: float | None = None
    last: float = 0
    cwd: str = ""
    model: str | None = None
    title: str = ""
    name: str = ""
    total_cost: float = 0
    #: Prompts of `Task` calls whose sidechain wasn't seen yet, by tool use.
    tasks: dict[str, str] = field(default_factory=dict[str, str])
    #: The `Task` call that each sidechain root (or agent) belongs to.
    chains: dict[str, str] = field(default_factory=dict[str, str])

    def dump(self) -> dict[str, Any]:
        """Return it as JSON, which stays as it is when this goes on."""
        turn = {**vars(self.turn), "usage": dict(self.turn.usage)}
        return {**vars(self), "turn": turn, "tasks": dict(self.tasks), "chains": dict(self.chains)}

    @classmethod
    def load(cls, raw: dict[str, Any]) -> State:
        """Read what `dump` wrote."""
        if not raw:
            return cls()
        return replace(
            cls(**{k: v for k, v in raw.items() if k != "turn"}), turn=Turn(**raw["turn"])
        )


class Fold:
    """Turns the entries of one session into messages.

    Parameters
    ----------
    claude_id
        The CLI's id of it.
    state
        Where an earlier import stopped.
    """

    def __init__(self, claude_id: str, state: State) -> None:
        self.claude_id = claude_id
        self.state = state
        #: Our id: of the CLI's id and the session's first time.
        self.session_id = stable_id(state.created or 0, "session", claude_id)
        #: The time of the entry that is being read, if it says one.
        self._when: float | None = None

    def entry(self, entry: Entry, where: str, parent: str | None = None) -> list[Message]:
        """Read one entry. `where` (file and line) names those without a uuid."""
        state, kind = self.state, entry.get("type")
        self._when = when = time_of(entry)
        if when is not None:
            state.last = max(state.last, when)
        if not state.cwd and isinstance(cwd := entry.get("cwd"), str):
            state.cwd = cwd
        if kind == "user":
            return self._user(entry, where, parent)
        if kind == "assistant":
            return self._assistant(entry, where, parent)
        if kind == "system":
            return self._system(entry, where, parent)
        self._about(entry)
        return []

    def bad(self, text: str, where: str) -> Message:
        """Keep a line that can't be read, whole (S7)."""
        self._when = None
        return self._message({}, where, "system", (UnknownBlock(raw=text),), None)

    def result(self) -> list[Message]:
        """Return how the turn ended, if it did: the CLI's files don't say it in one place."""
        turn = self.state.turn
        if not turn.id or not turn.ended:
            return []
        block = ResultBlock(
            stop_reason="end_turn",
            duration_ms=max(0, turn.last - turn.started),
            cost_usd=turn.cost,
            input_tokens=turn.tokens("input"),
            output_tokens=turn.tokens("output"),
            cache_read_tokens=turn.tokens("cache_read_input"),
            cache_creation_tokens=turn.tokens("cache_creation_input"),
            model=turn.model,
        )
        return [
            Message(
                client_id=stable_id(turn.started, self.session_id, turn.id, "result"),
                session_id=self.session_id,
                type="result",
                content=(block,),
                turn_id=turn.id,
                timestamp=turn.last,
                model=turn.model,
            )
        ]

    def _user(self, entry: Entry, where: str, parent: str | None) -> list[Message]:
        message = _mapping(entry.get("message"))
        blocks = _blocks(message)
        parent = parent or self._parent(entry, blocks)
        kind: MessageType = "user"
        if any(isinstance(block, ToolResultBlock) for block in blocks):
            kind = "tool"
        elif entry.get("isMeta") or entry.get("isCompactSummary") or entry.get("origin"):
            # What the CLI itself put in: no prompt, and no turn of the user's.
            kind = "system"
        done = list[Message]()
        if kind == "user" and parent is None:
            done = self.result()
            self._new_turn(entry, where)
            text = " ".join(b.text for b in blocks if isinstance(b, TextBlock)).strip()
            if not self.state.title and text and not _NOT_TYPED.match(text):
                self.state.title = " ".join(text.split())[:_TITLE]
        return [*done, self._message(entry, where, kind, blocks, parent, message.get("model"))]

    def _new_turn(self, entry: Entry, where: str) -> None:
        when = self._when or self.state.last
        uuid = str(entry.get("uuid") or where)
        turn_id = stable_id(when, self.session_id, uuid, "turn")
        self.state.turn = Turn(id=turn_id, started=when, last=when)

    def _assistant(self, entry: Entry, where: str, parent: str | None) -> list[Message]:
        message = _mapping(entry.get("message"))
        blocks = _blocks(message)
        took = entry.get("thinkingDurationMs")
        if isinstance(took, int | float):
            blocks = tuple(
                b.model_copy(update={"duration_ms": float(took)})
                if isinstance(b, ThinkingBlock)
                else b
                for b in blocks
            )
        parent = parent or self._parent(entry, blocks)
        model = message.get("model")
        self._count(message, blocks, main=parent is None)
        return [self._message(entry, where, "assistant", blocks, parent, model)]

    def _count(
        self, message: Mapping[str, Any], blocks: tuple[ContentBlock, ...], *, main: bool
    ) -> None:
        turn = self.state.turn
        # Each block's entry repeats the message's usage: the last one stands.
        turn.usage[str(message.get("id"))] = _mapping(message.get("usage"))
        for block in blocks:
            if isinstance(block, ToolUseBlock) and isinstance(block.input.get("prompt"), str):
                self.state.tasks[block.id] = block.input["prompt"]
        if main:
            model = message.get("model")
            if isinstance(model, str) and not model.startswith("<"):
                turn.model = self.state.model = model
            turn.last = self._when or turn.last
            turn.ended = message.get("stop_reason") not in (None, "tool_use")

    def _system(self, entry: Entry, where: str, parent: str | None) -> list[Message]:
        content = entry.get("content")
        if not isinstance(content, str) or not content:
            return []
        notice = NoticeBlock(
            what=content,
            kind=str(entry.get("subtype") or ""),
            level="error" if entry.get("level") == "error" else "info",
        )
        return [self._message(entry, where, "system", (notice,), parent)]

    def _about(self, entry: Entry) -> None:
        """Read what an entry says of the whole session."""
        state = self.state
        for key in ("aiTitle", "summary", "customTitle"):
            value = entry.get(key)
            if isinstance(value, str) and value.strip():
                state.name = " ".join(value.split())[:_TITLE]
        cost = entry.get("totalCostUSD")
        if entry.get("type") == "cost-state" and isinstance(cost, int | float):
            # The CLI's running total; it starts anew where a process did.
            state.turn.cost += cost - state.total_cost if cost >= state.total_cost else cost
            state.total_cost = float(cost)

    def _parent(self, entry: Entry, blocks: tuple[ContentBlock, ...]) -> str | None:
        """Return the `Task` call of a sidechain: older CLIs kept those in the main file."""
        if entry.get("isSidechain") is not True:
            return None
        chains, uuid = self.state.chains, str(entry.get("uuid"))
        above = str(entry.get("agentId") or entry.get("parentUuid") or "")
        found = chains.get(above)
        if found is None:
            text = "".join(b.text for b in blocks if isinstance(b, TextBlock))
            asked = (use for use, prompt in self.state.tasks.items() if prompt == text)
            found = next(asked, f"sidechain:{uuid}")
            self.state.tasks.pop(found, None)
        chains[uuid] = found
        if entry.get("agentId"):
            chains[above] = found
        return found

    def _message(
        self,
        entry: Entry,
        where: str,
        kind: MessageType,
        blocks: tuple[ContentBlock, ...],
        parent: str | None,
        model: object = None,
    ) -> Message:
        when = self._when or self.state.last
        uuid = entry.get("uuid")
        uuid = uuid if isinstance(uuid, str) else None
        return Message.model_validate(
            {
                "client_id": stable_id(when, self.claude_id, uuid or where),
                "session_id": self.session_id,
                "type": kind,
                "content": blocks,
                "turn_id": self.state.turn.id,
                "timestamp": when,
                "parent_tool_use_id": parent,
                "model": model if isinstance(model, str) else None,
                "uuid": uuid,
            }
        )


def _blocks(message: Mapping[str, Any]) -> tuple[ContentBlock, ...]:
    content = message.get("content")
    if isinstance(content, list):
        return tuple(content)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return (parse_block(content),) if content is not None else ()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]
