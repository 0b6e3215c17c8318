"""What a `ScriptedModel` answers: values that read well in a test.

A `Reply` is what one call of the Messages API streams back; its items are made by the
functions here. An `HttpError` is a refusal. The spelling of the events is that of the
Anthropic Messages API (streaming), as the Claude CLI 2.1.330 reads it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_REMINDER = ("<system-reminder>", "<command-", "<local-command")


@dataclass(frozen=True)
class Request:
    """A call of `/v1/messages`, as the CLI made it. The API key is never kept."""

    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.body.get("model", ""))

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools on offer, those that `ToolSearch` found included."""
        named = [str(tool.get("name")) for tool in self.body.get("tools") or ()]
        found = [
            str(part.get("tool_name"))
            for message in self.messages
            for result in blocks_of(message)
            for part in blocks_of(result)
            if part.get("type") == "tool_reference"
        ]
        return (*named, *found)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, oldest first."""
        return list(self.body.get("messages") or ())

    @property
    def prompts(self) -> tuple[str, ...]:
        """What the person wrote, oldest first, without the CLI's own additions."""
        found = [_said(message) for message in self.messages if message.get("role") == "user"]
        return tuple(text for text in found if text)

    @property
    def prompt(self) -> str:
        """What the person wrote last."""
        return self.prompts[-1] if self.prompts else ""

    @property
    def results(self) -> tuple[dict[str, Any], ...]:
        """The tool results since Claude's last words: empty on a new prompt."""
        for message in reversed(self.messages):
            if message.get("role") == "assistant":
                break
            if message.get("role") == "user":
                found = [b for b in blocks_of(message) if b.get("type") == "tool_result"]
                if found:
                    return tuple(found)
        return ()

    @property
    def text(self) -> str:
        """The whole conversation as JSON, to look for words in."""
        return json.dumps(self.messages, ensure_ascii=False)


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the content blocks of a message, or of a tool's result."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or () if isinstance(block, dict)]


def _said(message: Mapping[str, Any]) -> str:
    if any(b.get("type") == "tool_result" for b in blocks_of(message)):
        return ""  # what stands beside a tool's result is the CLI's
    texts = [str(b.get("text", "")) for b in blocks_of(message) if b.get("type") == "text"]
    return "\n".join(text for text in texts if not text.lstrip().startswith(_REMINDER)).strip()


@dataclass(frozen=True)
class Block:
    """A content block: its opening, its deltas with a pause before each, and no more."""

    start: dict[str, Any]
    deltas: tuple[dict[str, Any], ...] = ()
    delay_ms: float = 0


@dataclass(frozen=True)
class Event:
    """One raw event, as it stands."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Raw:
    """Bytes on the wire that need not be an event at all."""

    data: bytes


@dataclass(frozen=True)
class Hang:
    """Nothing, until `release` is set (or the server closes)."""

    release: threading.Event


@dataclass(frozen=True)
class Cut:
    """The connection breaks off here."""


Item = Block | Event | Raw | Hang | Cut


@dataclass(frozen=True)
class Reply:
    """A streamed answer.

    Parameters
    ----------
    items
        What is streamed, in order.
    first_token_ms
        How long the model thinks before the stream begins, in ms.
    stop_reason
        `tool_use` where a tool is called, else `end_turn`, unless given.
    usage
        Token counts that replace the made-up ones.
    """

    items: tuple[Item, ...]
    first_token_ms: float = 0
    stop_reason: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def stop(self) -> str:
        """How the answer ends."""
        if self.stop_reason:
            return self.stop_reason
        calls = (i for i in self.items if isinstance(i, Block) and i.start["type"] == "tool_use")
        return "end_turn" if next(calls, None) is None else "tool_use"


@dataclass(frozen=True)
class HttpError:
    """A refusal with an HTTP status instead of an answer; `retry_after` is in seconds."""

    status: int
    type: str = "api_error"
    message: str = "scripted"
    retry_after: int | None = None


Answer = Reply | HttpError
Script = Callable[[Request], Answer]


def _pieces(text: str, chunks: int | None) -> Iterator[str]:
    size = 12 if chunks is None else max(1, -(-len(text) // max(1, chunks)))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def reply(*items: Item | str, **options: Any) -> Reply:
    """Make a `Reply`; a plain string is a text block."""
    return Reply(tuple(text(i) if isinstance(i, str) else i for i in items), **options)


def text(words: str, *, chunks: int | None = None, delay_ms: float = 0) -> Block:
    """Make a text block, streamed in `chunks` pieces with `delay_ms` before each."""
    deltas = ({"type": "text_delta", "text": piece} for piece in _pieces(words, chunks))
    return Block({"type": "text", "text": ""}, tuple(deltas), delay_ms)


def thinking(words: str, *, chunks: int | None = None, delay_ms: float = 0) -> Block:
    """Make a thinking block."""
    deltas: list[dict[str, Any]] = [
        {"type": "thinking_delta", "thinking": piece} for piece in _pieces(words, chunks)
    ]
    deltas.append({"type": "signature_delta", "signature": "c2NyaXB0ZWQ="})
    return Block({"type": "thinking", "thinking": "", "signature": ""}, tuple(deltas), delay_ms)


def tool(name: str, /, id: str = "", **arguments: Any) -> Block:  # noqa: A002 - the API's own name
    """Make a tool call; without `id` the server gives it one."""
    start: dict[str, Any] = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return Block(start, _json_deltas(arguments))


def server_tool(name: str, result: Any, /, **arguments: Any) -> tuple[Block, Block]:
    """Make a call of a tool that the API runs itself, and its result."""
    call = Block(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": name, "input": {}},
        _json_deltas(arguments),
    )
    answer = {"type": f"{name}_tool_result", "tool_use_id": "srvtoolu_1", "content": result}
    return call, Block(answer)


def block(raw: dict[str, Any]) -> Block:
    """Make a block of any type, known or not, whole in its opening."""
    return Block(raw)


def event(type: str, /, **data: Any) -> Event:  # noqa: A002 - the API's own name
    """Make a raw event."""
    return Event(type, {"type": type, **data})


def malformed(line: str = 'data: {"type": "content_block_delta", "ind') -> Raw:
    """Make an event whose data is no JSON."""
    return Raw(f"event: content_block_delta\n{line}\n\n".encode())


def hang(release: threading.Event) -> Hang:
    """Make the stream wait until `release` is set."""
    return Hang(release)


def cut() -> Cut:
    """Make the connection break off here."""
    return Cut()


def _json_deltas(arguments: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"type": "input_json_delta", "partial_json": piece}
        for piece in _pieces(json.dumps(arguments), None)
    )


def bad_key() -> HttpError:
    """Make the API's refusal of a key (401)."""
    return HttpError(401, "authentication_error", "invalid x-api-key")


def rate_limited(retry_after: int | None = None) -> HttpError:
    """Make the API's answer over the rate limit (429); `retry_after` in seconds."""
    return HttpError(429, "rate_limit_error", "This request would exceed the limit", retry_after)


def overloaded() -> HttpError:
    """Make the API's answer when it is overloaded (529)."""
    return HttpError(529, "overloaded_error", "Overloaded")


def server_error(status: int = 500) -> HttpError:
    """Make the API's own failure."""
    return HttpError(status, "api_error", "Internal server error")


def too_long() -> HttpError:
    """Make the API's refusal of a conversation that fits no context window (400)."""
    return HttpError(
        400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"
    )


def no_such_model(model: str) -> HttpError:
    """Make the API's refusal of a model that it doesn't have (404)."""
    return HttpError(404, "not_found_error", f"model: {model}")
