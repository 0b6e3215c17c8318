"""The engine: what turns a prompt into events.

`ClaudeEngine` (claude.py) runs the real Claude CLI through claude-agent-sdk. An engine
belongs to one open session and keeps its process between turns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..messages import ContentBlock, ResultBlock, Todo

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True)
class ToolRequest:
    """A tool call that the CLI's rules leave to us to decide."""

    tool_use_id: str
    name: str
    input: dict[str, Any]
    title: str = ""
    description: str = ""
    #: Rules that the CLI itself suggests remembering, as `Tool(pattern)` texts.
    suggestions: tuple[str, ...] = ()
    agent_id: str | None = None


@dataclass(frozen=True)
class Decision:
    """The answer to a `ToolRequest`; `input` replaces the request's where given."""

    allow: bool
    reason: str = ""
    input: dict[str, Any] | None = None
    #: Also end the turn.
    interrupt: bool = False


Ask = Callable[[ToolRequest], Awaitable[Decision]]

#: Told of each file that a tool is about to change (False), and has changed (True).
OnFile = Callable[[Path, bool], Awaitable[None]]


@dataclass(frozen=True)
class ToolOutput:
    """What a `Tool` returns: content parts as MCP spells them, texts and images."""

    content: tuple[dict[str, Any], ...]
    is_error: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool that runs in this process; `schema` is the JSON schema of its arguments.

    `run` is awaited on the event-loop thread, and cancelled if the turn is stopped.
    """

    name: str
    description: str
    schema: dict[str, Any]
    run: Callable[[dict[str, Any]], Awaitable[ToolOutput]]
    read_only: bool = False


@dataclass(frozen=True)
class EngineOptions:
    """How an engine runs; what differs between turns may be changed by `configure`."""

    cwd: str
    session_id: str
    #: The transcript to go on from; None starts a new conversation with `session_id`.
    resume: str | None = None
    #: With `resume`: leave that conversation as it is and go on as `session_id`.
    fork: bool = False
    #: With `fork`: the transcript entry after which to cut.
    fork_at: str | None = None
    model: str | None = None
    permission_mode: PermissionMode = "default"
    effort: Effort | None = None
    max_budget_usd: float | None = None
    append_system_prompt: str | None = None
    add_dirs: tuple[str, ...] = ()
    mcp_servers: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Load none of the user's and project's settings.
    isolated: bool = False
    env: dict[str, str] = field(default_factory=dict[str, str])
    cli_path: str | None = None
    allowed_tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    #: The only built-in tools that there are; None for all of them.
    tools: tuple[str, ...] | None = None
    #: Load no MCP server but those of `mcp_servers`.
    own_mcp_servers_only: bool = False
    #: JSON schema of a structured answer.
    output_schema: dict[str, Any] | None = None


@dataclass(frozen=True)
class BlockStarted:
    """A block of the message `key` begins; `block` is empty or has what is known."""

    key: str
    index: int
    block: ContentBlock
    parent_tool_use_id: str | None = None


@dataclass(frozen=True)
class BlockDelta:
    """More text for a text or thinking block, or more input JSON for a tool call."""

    key: str
    index: int
    text: str
    parent_tool_use_id: str | None = None


@dataclass(frozen=True)
class MessageDone:
    """A whole message. `key` is that of its deltas, if it was streamed.

    One API message may arrive as several `MessageDone`, one per block: each is a message
    of its own with the indexes it covers (`first_index` on).
    """

    key: str
    type: Literal["assistant", "tool", "system"]
    content: tuple[ContentBlock, ...]
    first_index: int = 0
    parent_tool_use_id: str | None = None
    uuid: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class ToolPrinted:
    """The end of what the command of a running tool call has printed so far."""

    tool_use_id: str
    text: str


@dataclass(frozen=True)
class TodosChanged:
    """The whole to-do list as it now stands, subagents' included."""

    todos: tuple[Todo, ...]


@dataclass(frozen=True)
class RateLimit:
    """State of the rate limit; `status` is allowed, allowed_warning or rejected."""

    status: str
    resets_at: float | None = None
    utilization: float | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Notice:
    """Something the reader should know, such as that the CLI was restarted."""

    kind: str
    what: str
    why: str = ""
    fix: str = ""
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Heard:
    """Claude has taken up what was put into the running turn by `steer`."""

    uuid: str


@dataclass(frozen=True)
class SlashCommand:
    """A command of the CLI's own, as one writes it after `/`."""

    name: str
    description: str = ""
    #: What may follow it, such as `[instructions]`.
    hint: str = ""


@dataclass(frozen=True)
class TurnStarted:
    """The CLI took the prompt; what it runs with."""

    session_id: str
    model: str | None = None
    tools: tuple[str, ...] = ()
    slash_commands: tuple[SlashCommand, ...] = ()
    permission_mode: str | None = None


@dataclass(frozen=True)
class TurnEnded:
    """The turn is over; always the last event of a turn that did not raise."""

    result: ResultBlock


EngineEvent = (
    BlockStarted
    | BlockDelta
    | MessageDone
    | ToolPrinted
    | TodosChanged
    | RateLimit
    | Notice
    | Heard
    | TurnStarted
    | TurnEnded
)


class Engine(Protocol):
    """Runs turns of one session. Used from the event-loop thread only."""

    def ask(
        self, content: tuple[ContentBlock, ...], *, uuid: str | None = None
    ) -> AsyncIterator[EngineEvent]:
        """Run one turn; connects first if need be.

        Raises
        ------
        EngineError
            After all that arrived has been yielded; the engine stays usable.
        """
        ...

    async def configure(self, options: EngineOptions) -> None:
        """Use these options from the next turn on; reconnects only where it must."""
        ...

    async def steer(self, content: tuple[ContentBlock, ...], *, uuid: str) -> None:
        """Put words into the running turn; `Heard` comes when Claude takes them up.

        Raises
        ------
        EngineError
            No turn is running, or it could not be told.
        """
        ...

    async def interrupt(self) -> None:
        """Stop the running turn; its `TurnEnded` has outcome `stopped`."""
        ...

    async def close(self) -> None:
        """End the process and wait for it."""
        ...
