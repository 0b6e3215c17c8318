"""From what the CLI says, line by line, to `EngineEvent`s.

The CLI's own JSON is read, not the SDK's parsed classes: those drop content blocks and events
that they don't know, and nothing may be dropped (S7). Shapes as measured of CLI 2.1.330.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from ..messages import (
    ContentBlock,
    ServerToolResultBlock,
    TextBlock,
    ThinkingBlock,
    Todo,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    parse_block,
)
from . import (
    BlockDelta,
    BlockStarted,
    EngineEvent,
    MessageDone,
    Notice,
    RateLimit,
    SlashCommand,
    TodosChanged,
    TurnStarted,
)
from .todos import TodoFold

Raw = dict[str, Any]

#: Known and of no use to a reader; anything else that is unknown is kept whole.
_QUIET_TYPES = frozenset(
    {"keep_alive", "control_response", "tool_progress", "tool_use_summary", "auth_status",
     "prompt_suggestion", "conversation_reset", "streamlined_text", "command_lifecycle"}
)  # fmt: skip
_QUIET_SYSTEM = frozenset(
    {"status", "session_state_changed", "task_started", "task_progress", "task_updated",
     "task_notification", "hook_started", "hook_response", "hook_progress", "files_persisted",
     "mirror_error", "local_command_output", "turn_duration", "thinking_tokens", "thinking",
     "background_tasks_changed", "post_turn_summary", "commands_changed", "informational"}
)  # fmt: skip
_DELTA_TEXT = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


#: What is wrong with an MCP server, and what to do, by the status that the CLI tells.
_MCP_TROUBLE = {
    "failed": (
        "The MCP server {name!r} could not be started.",
        "Run its command in a terminal to see why; then %claude_session close, and ask again.",
    ),
    "needs-auth": (
        "The MCP server {name!r} wants you to sign in.",
        "Sign in to it in a terminal: run claude there, and /mcp.",
    ),
}


class EventMapper:
    """Maps one connection's lines; keeps which blocks of which message have begun."""

    def __init__(self, todos: tuple[Todo, ...] = ()) -> None:
        self._fold = TodoFold(todos)
        self._keys: dict[str | None, str] = {}
        self._begun: dict[str, dict[int, str]] = {}
        self._grown: set[tuple[str, int]] = set()
        #: How full the main agent's context window is, in tokens.
        self.context_tokens = 0
        self._read_tokens = 0
        #: The CLI's commands, as far as it describes them.
        self.described: dict[str, SlashCommand] = {}
        #: What the API said of the last failure, in the assistant message that stands for it.
        self.api_error: str | None = None
        #: MCP servers of which it has been said that they can't be used.
        self._told_of: set[str] = set()
        #: When the rate limit that refused this turn ends, in epoch seconds, where the API says it.
        self.resets_at: float | None = None

    def _commands(self, names: Sequence[str]) -> tuple[SlashCommand, ...]:
        return tuple(self.described.get(name) or SlashCommand(name) for name in names)

    def begin_turn(self) -> None:
        """Forget what an earlier turn left unfinished."""
        self._keys.clear()
        self._begun.clear()
        self._grown.clear()
        self.api_error = self.resets_at = None

    def events(self, raw: Raw) -> Iterator[EngineEvent]:
        """Return what a line means, in order; a `result` line means nothing here."""
        kind = raw.get("type")
        if kind == "stream_event":
            yield from self._stream(raw)
        elif kind == "assistant":
            yield from self._assistant(raw)
        elif kind == "user":
            yield from self._user(raw)
        elif kind == "system":
            yield from self._system(raw)
        elif kind == "rate_limit_event":
            limit = _rate_limit(raw)
            self.resets_at = limit.resets_at if limit.status == "rejected" else None
            yield limit
        elif kind != "result" and kind not in _QUIET_TYPES:
            yield _unknown(raw)

    def _stream(self, raw: Raw) -> Iterator[EngineEvent]:
        event = _part(raw, "event")
        parent: str | None = raw.get("parent_tool_use_id")
        kind = event.get("type")
        if kind == "message_start":
            message = _part(event, "message")
            self._keys[parent] = str(message.get("id", ""))
            self._measure(_part(message, "usage"), parent)
        elif kind == "message_delta":
            self._measure(_part(event, "usage"), parent)
        key, index = self._keys.get(parent, ""), int(event.get("index", 0))
        if kind == "content_block_start":
            block = _opening(_part(event, "content_block"))
            self._begun.setdefault(key, {})[index] = block.type
            yield BlockStarted(key, index, block, parent)
        elif kind == "content_block_delta":
            delta = _part(event, "delta")
            text = delta.get(_DELTA_TEXT.get(str(delta.get("type")), ""))
            if isinstance(text, str) and text:
                self._grown.add((key, index))
                yield BlockDelta(key, index, text, parent)
        elif kind == "content_block_stop":
            self._forget_empty(key, index)

    def _measure(self, usage: Raw, parent: str | None) -> None:
        """Note what the last call of the main agent read and wrote: the next one reads it all."""
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        read = sum(int(usage.get(name) or 0) for name in names)
        if parent is None and (read or usage.get("output_tokens")):
            self._read_tokens = read or self._read_tokens
            self.context_tokens = self._read_tokens + int(usage.get("output_tokens") or 0)

    def _forget_empty(self, key: str, index: int) -> None:
        """Let the index of an empty text match nothing: it never comes as a whole block."""
        begun = self._begun.get(key, {})
        if begun.get(index) in ("text", "thinking") and (key, index) not in self._grown:
            del begun[index]

    def _assistant(self, raw: Raw) -> Iterator[EngineEvent]:
        message = _part(raw, "message")
        blocks = tuple(_block(block) for block in message.get("content") or ())
        if (
            raw.get("error")
            or raw.get("isApiErrorMessage")
            or message.get("model") == "<synthetic>"
        ):
            # The CLI's way to say that a call failed: not Claude's words.
            self.api_error = raw.get("error") or "unknown"
            return
        parent: str | None = raw.get("parent_tool_use_id")
        key = str(message.get("id", ""))
        for block in blocks:
            yield MessageDone(
                key=key,
                type="assistant",
                content=(block,),
                first_index=self._index(key, block),
                parent_tool_use_id=parent,
                uuid=raw.get("uuid"),
                model=message.get("model"),
            )
            if isinstance(block, ToolUseBlock) and self._fold.use(block, parent):
                yield TodosChanged(self._fold.todos)

    def _index(self, key: str, block: ContentBlock) -> int:
        """Return the index of the streamed block that this whole one is."""
        begun = self._begun.get(key, {})
        for index, kind in begun.items():
            if kind == block.type:
                del begun[index]
                return index
        return next(iter(begun), -1)

    def _user(self, raw: Raw) -> Iterator[EngineEvent]:
        content: Any = _part(raw, "message").get("content")
        items = cast("list[Any]", content) if isinstance(content, list) else []
        blocks = [_block(item) for item in items]
        kept = tuple(block for block in blocks if not isinstance(block, TextBlock))
        if not kept:
            return  # the prompt itself, or the CLI's note that it was interrupted
        yield MessageDone(
            key="",
            type="tool",
            content=kept,
            parent_tool_use_id=raw.get("parent_tool_use_id"),
            uuid=raw.get("uuid"),
        )
        results = [block for block in kept if isinstance(block, ToolResultBlock)]
        changed = [self._fold.result(block) for block in results]
        if any(changed):
            yield TodosChanged(self._fold.todos)

    def _unusable(self, servers: Sequence[Raw]) -> Iterator[Notice]:
        """Say once of each MCP server that it can't be used; the CLI itself keeps quiet."""
        for server in servers:
            name, status = str(server.get("name", "")), str(server.get("status", ""))
            if status in _MCP_TROUBLE and name not in self._told_of:
                self._told_of.add(name)
                what, fix = _MCP_TROUBLE[status]
                yield Notice(
                    kind="mcp_server",
                    what=what.format(name=name),
                    why="Claude goes on without its tools.",
                    fix=fix,
                    level="warning",
                )

    def _system(self, raw: Raw) -> Iterator[EngineEvent]:
        subtype = raw.get("subtype")
        if subtype == "init":
            yield TurnStarted(
                session_id=str(raw.get("session_id", "")),
                model=raw.get("model"),
                tools=tuple(raw.get("tools") or ()),
                slash_commands=self._commands(raw.get("slash_commands") or ()),
                permission_mode=raw.get("permissionMode"),
            )
            yield from self._unusable(raw.get("mcp_servers") or ())
        elif subtype == "api_retry":
            yield _retry(raw)
        elif subtype == "compact_boundary":
            yield Notice(
                kind="compaction",
                what="The conversation was compacted.",
                why="It no longer fitted the model's context window.",
                fix="Claude goes on from a summary; the whole stays in the session.",
            )
        elif subtype not in _QUIET_SYSTEM:
            yield _unknown(raw)


def _part(raw: Raw, name: str) -> Raw:
    part: Any = raw.get(name)
    return cast("Raw", part) if isinstance(part, dict) else {}


def _opening(raw: Raw) -> ContentBlock:
    kind = raw.get("type")
    if kind == "text":
        return TextBlock(text=str(raw.get("text", "")))
    if kind == "thinking":
        return ThinkingBlock(thinking=str(raw.get("thinking", "")))
    return _block(raw)


def _block(raw: object) -> ContentBlock:
    """Read a block; each server tool's result has a type of its own in the API."""
    block = parse_block(raw)
    if isinstance(block, UnknownBlock) and isinstance(raw, dict):
        known = cast("Raw", raw)
        kind, use = str(known.get("type", "")), known.get("tool_use_id")
        if kind.endswith("_tool_result") and isinstance(use, str):
            return ServerToolResultBlock.model_validate(
                {**known, "type": "server_tool_result", "api_type": kind}
            )
    return block


def _unknown(raw: Raw) -> MessageDone:
    return MessageDone(
        key="", type="system", content=(UnknownBlock(raw=raw),), uuid=raw.get("uuid")
    )


def _rate_limit(raw: Raw) -> RateLimit:
    info = _part(raw, "rate_limit_info")
    resets = info.get("resetsAt", info.get("resets_at"))
    return RateLimit(
        status=str(info.get("status", "allowed")),
        resets_at=float(resets) if isinstance(resets, int | float) else None,
        utilization=info.get("utilization"),
        kind=info.get("rateLimitType", info.get("rate_limit_type")),
    )


def _retry(raw: Raw) -> Notice:
    status = raw.get("error_status")
    delay = float(raw.get("retry_delay_ms") or 0) / 1000
    attempt, most = raw.get("attempt"), raw.get("max_retries")
    return Notice(
        kind="retry",
        level="warning",
        what=f"The API failed (status {status})." if status else "The API did not answer.",
        why=str(raw.get("error") or ""),
        fix=f"Trying again in {delay:.1f} s ({attempt} of {most}).",
    )


def described(server: Raw | None) -> dict[str, SlashCommand]:
    """Return the commands that the CLI describes when it is connected to, by name."""
    listed: Any = (server or {}).get("commands") or ()
    given = [cast("Raw", each) for each in listed if isinstance(each, dict)]
    return {
        str(each.get("name")): SlashCommand(
            name=str(each.get("name")),
            description=str(each.get("description") or ""),
            hint=str(each.get("argumentHint") or ""),
        )
        for each in given
    }
