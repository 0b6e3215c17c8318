"""What a conversation is made of: pure values, no I/O.

Names and shapes of content blocks are those of the Anthropic Messages API and of
claude-agent-sdk's `types.py`. Content owns no ids and no order: the store does.
Times are epoch milliseconds (float), money is USD, durations are ms.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)


def _text(value: object) -> str:
    # pydantic's own `str` refuses lone surrogates, which models and tools do emit.
    if not isinstance(value, str):
        raise ValueError("a text is needed")
    return value


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]


def new_id() -> str:
    """Make a UUIDv7: unique anywhere, sorts by time (S2)."""
    from uuid_utils import uuid7

    return str(uuid7())


def now_ms() -> float:
    """Return the time now in epoch milliseconds."""
    return time.time() * 1000


class _Block(BaseModel):
    # Fields that a newer API adds to a known block are kept (S7).
    model_config = ConfigDict(frozen=True, extra="allow")


class TextBlock(_Block):
    """Markdown that Claude or the user wrote."""

    type: Literal["text"] = "text"
    text: Text = ""


class ThinkingBlock(_Block):
    """Claude's thinking; `duration_ms` where it was measured."""

    type: Literal["thinking"] = "thinking"
    thinking: Text = ""
    signature: Text = ""
    duration_ms: float | None = None


class ToolUseBlock(_Block):
    """A call of a tool."""

    type: Literal["tool_use"] = "tool_use"
    id: str
    name: Text
    input: dict[str, Any] = Field(default_factory=dict)


class ToolResultBlock(_Block):
    """What a tool returned: text, or a list of API content parts as they came."""

    type: Literal["tool_result"] = "tool_result"
    tool_use_id: str
    content: Any = ""
    is_error: bool = False


class ImageBlock(_Block):
    """An image; `source` as in the API: `{type: base64, media_type, data}`."""

    type: Literal["image"] = "image"
    source: dict[str, Any]


class ServerToolUseBlock(_Block):
    """A call of a tool that the API runs itself, such as `web_search`."""

    type: Literal["server_tool_use"] = "server_tool_use"
    id: str
    name: Text
    input: dict[str, Any] = Field(default_factory=dict)


class ServerToolResultBlock(_Block):
    """What a server tool returned; `content` is opaque."""

    type: Literal["server_tool_result"] = "server_tool_result"
    tool_use_id: str
    content: Any = None


#: Kind of the notice by which everybody knows that Claude's memory does not follow its turn.
FORKED = "forked"


class NoticeBlock(_Block):
    """Something that we, not Claude, tell the reader: an error, a restart, a fork."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"] = "info"
    kind: str = ""
    what: Text
    why: Text = ""
    fix: Text = ""


class ResultBlock(_Block):
    """How a turn ended. `outcome` is ours; the rest is what the CLI reported."""

    type: Literal["result"] = "result"
    outcome: Literal["done", "stopped", "failed"] = "done"
    stop_reason: str | None = None
    duration_ms: float = 0
    cost_usd: float = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    num_turns: int = 0
    model: str | None = None
    #: How full the model's context window was at the end, and how much it holds; 0 if unknown.
    context_tokens: int = 0
    context_window: int = 0
    structured_output: Any = None


class UnknownBlock(_Block):
    """A block that this version doesn't know, kept whole (S7)."""

    type: Literal["unknown"] = "unknown"
    raw: Any = None


ContentBlock = Annotated[
    TextBlock
    | ThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
    | ImageBlock
    | ServerToolUseBlock
    | ServerToolResultBlock
    | NoticeBlock
    | ResultBlock
    | UnknownBlock,
    Field(discriminator="type"),
]

_block_adapter: TypeAdapter[ContentBlock] = TypeAdapter(ContentBlock)


def parse_block(raw: object) -> ContentBlock:
    """Read a content block as the API or a transcript spells it; never fails (S7)."""
    if isinstance(raw, str):
        return TextBlock(text=raw)
    if isinstance(raw, Mapping):
        try:
            return _block_adapter.validate_python(dict(raw))  # pyright: ignore[reportUnknownArgumentType]
        except ValidationError:
            return UnknownBlock(raw=raw)
    return UnknownBlock(raw=raw)


class _Row(BaseModel):
    """A value that the store keeps; `client_id` is a UUIDv7 made here (S2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(default_factory=new_id)


class Message(_Row):
    """One message of a session.

    `type` is `user` (a prompt), `assistant`, `tool` (results that the API calls user
    messages), `system`, or `result` (how the turn ended, one per finished turn).
    `seq` is the server's order (S3), absent until it has been replicated.
    """

    session_id: str
    type: Literal["user", "assistant", "tool", "system", "result"]
    content: tuple[ContentBlock, ...] = ()
    turn_id: str = ""
    timestamp: float = Field(default_factory=now_ms)
    seq: int | None = None
    parent_tool_use_id: str | None = None
    #: Who wrote it, where that is somebody else: their id on the server, and their name.
    author_id: str | None = None
    author: Text = ""
    model: str | None = None
    cost: float | None = None
    #: The transcript entry it came from, so that a fork can cut there.
    uuid: str | None = None
    #: On a prompt: sha256 of what was asked, so that Run All finds its stored answer.
    prompt_hash: str | None = None
    #: On a prompt: the notebook cell that asked, where the front end says.
    cell_id: str | None = None

    @property
    def text(self) -> str:
        """The message's text blocks, joined by blank lines."""
        return "\n\n".join(b.text for b in self.content if isinstance(b, TextBlock) and b.text)


#: How the keys of to-dos begin that are history.
PAST = "past/"
TodoStatus = Literal["pending", "in_progress", "completed"]


class Todo(BaseModel):
    """One item of Claude's to-do list; `key` is stable within its session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    content: Text
    status: TodoStatus = "pending"
    active_form: Text | None = None
    priority: str | None = None
    #: The `Task` call of the subagent that owns it; None for the main agent.
    parent_tool_use_id: str | None = None

    @property
    def past(self) -> bool:
        """It was done, and is no longer on Claude's list."""
        return self.key.startswith(PAST)


class TodoList(_Row):
    """A session's whole to-do list, in order; its `client_id` is the session's."""

    session_id: str
    todos: tuple[Todo, ...] = ()


class Phase(BaseModel):
    """What a session is doing now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["idle", "running", "waiting", "error"] = "idle"
    error_message: Text | None = None


#: What this machine's person may do in a session. `none`: it was shared with them, and is not
#: any more; what they had received is here.
Role = Literal["owner", "editor", "viewer", "none"]


class SessionInfo(_Row):
    """A session as the store keeps it; `client_id` is the session's id everywhere."""

    name: Text
    cwd: str
    workspace: str | None = None
    git_remote: str | None = None
    base_commit: str | None = None
    #: The notebook whose unnamed cells use this session (its path when it was made).
    notebook: str | None = None
    #: The CLI's own id, by which its transcript is found.
    claude_session_id: str | None = None
    phase: Phase = Phase()
    model: str | None = None
    #: The first prompt, shortened: what the list shows under the name.
    title: Text = ""
    #: The label of the server where it was last active, as the replica knows it; else empty.
    server: Text = ""
    cost_usd: float = 0
    message_count: int = 0
    created_at: float = Field(default_factory=now_ms)
    last_activity_at: float = Field(default_factory=now_ms)
    archived_at: float | None = None
    deleted_at: float | None = None
    #: Kept here only; never replicated.
    local: bool = False
    #: So its person wished: it isn't sent along with all that is only here.
    keep_local: bool = False
    #: Who writes in it now (S4): an opaque name of a kernel, and until when (epoch ms).
    holder: str | None = None
    holder_expires_at: float | None = None
    #: Where it was imported or forked from, in words.
    origin: Text | None = None
    role: Role = "owner"
    #: The name of who shared it; empty where it is one's own.
    owner: Text = ""
    #: Editors elsewhere may answer what is asked before a tool runs on this machine.
    editors_may: bool = False

    @property
    def busy(self) -> bool:
        """True while a turn is running or waits for an approval."""
        return self.phase.type in ("running", "waiting")


class StreamTail(_Row):
    """A piece of an answer that is still being written; gone when its message lands.

    Each checkpoint adds one piece, so that a long answer costs no more per character than
    a short one. `block` holds this piece's text only, `start` counts the characters before it.
    """

    session_id: str
    turn_id: str
    #: The `client_id` that the message will have.
    message_id: str
    start: int = 0
    block: ContentBlock
    parent_tool_use_id: str | None = None
    updated_at: float = Field(default_factory=now_ms)


Behavior = Literal["allow", "deny"]
Scope = Literal["once", "session", "always"]


class Approval(_Row):
    """A tool call that waits for, or has got, a person's decision (S12)."""

    session_id: str
    turn_id: str
    tool_use_id: str
    tool_name: Text
    input: dict[str, Any] = Field(default_factory=dict)
    #: What the person made of it before it ran; None where it ran as it was asked for.
    edited_input: dict[str, Any] | None = None
    title: Text = ""
    description: Text = ""
    #: The pattern that "always" would remember, e.g. `Bash(git status:*)`.
    pattern: Text = ""
    status: Literal["pending", "allowed", "denied", "cancelled"] = "pending"
    scope: Scope = "once"
    reason: Text = ""
    decided_by: str = ""
    #: Whose machine asks, and who answered, where that is somebody else: their names.
    person: Text = ""
    decider: Text = ""
    #: That person lets the session's editors answer.
    editors_may: bool = False
    #: This machine's person may answer.
    may_answer: bool = True
    created_at: float = Field(default_factory=now_ms)
    decided_at: float | None = None

    def as_others_say(self, said: Approval) -> Approval:
        """Take of what others decide no more than that: not what runs, nor what is remembered."""
        taken = ("status", "reason", "decider", "decided_by", "decided_at")
        return self.model_copy(update={name: getattr(said, name) for name in taken})


class Rule(_Row):
    """A remembered permission: `Tool` or `Tool(pattern)`; for one session, or for all."""

    pattern: Text
    behavior: Behavior = "allow"
    session_id: str | None = None
    created_at: float = Field(default_factory=now_ms)
    revoked_at: float | None = None


Value = Message | TodoList | SessionInfo | StreamTail | Approval | Rule
