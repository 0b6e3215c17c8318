"""What a `ScriptedModel` answers: replies made of items, and errors.

::

    Reply(thinking("Let me see."), text("Here it is.", chunks=8, delay=0.02))
    Reply(text("I'll look."), tool("Bash", {"command": "ls"}))
    Reply(text("Half of"), hold(event), text(" it."))
    error(429, headers={"retry-after": "7"})

The events are those of the Messages API's stream,
https://docs.claude.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .requests import Request

Json: TypeAlias = "dict[str, Any]"

# ---- steps: what the server does, in order -------------------------------------------------


@dataclass(frozen=True)
class Send:
    """Send one event; `is_chunk` if it is one piece of a block's content."""

    event: Json
    is_chunk: bool = False


@dataclass(frozen=True)
class SendRaw:
    """Send this text as it is, be it an event or not."""

    sse: str


@dataclass(frozen=True)
class Pause:
    """Wait `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """Wait until `event` is set."""

    event: threading.Event


@dataclass(frozen=True)
class Cut:
    """Close the connection."""


Step: TypeAlias = "Send | SendRaw | Pause | Hold | Cut"

# ---- items ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A content block as it is sent: `start`, then each of `deltas`."""

    start: Json
    deltas: tuple[Json, ...] = ()
    delay: float = 0.0
    hold: threading.Event | None = None
    hold_after: int = 1

    def steps(self, index: int) -> Iterator[Step]:
        """Return what sends the block as number `index` of its message."""
        start = self._with_id()
        yield Send({"type": "content_block_start", "index": index, "content_block": start})
        for number, delta in enumerate(self.deltas):
            if self.hold and number == self.hold_after:
                yield Hold(self.hold)
            if number and self.delay:
                yield Pause(self.delay)
            yield Send({"type": "content_block_delta", "index": index, "delta": delta}, True)
        yield Send({"type": "content_block_stop", "index": index})

    def whole(self) -> Json:
        """Return the block as an answer without streaming holds it."""
        block, arguments = self._with_id(), ""
        for delta in self.deltas:
            if delta["type"] == "input_json_delta":
                arguments += delta["partial_json"]
                continue
            name = delta["type"].removesuffix("_delta")
            block[name] = block.get(name, "") + delta[name]
        return {**block, "input": json.loads(arguments)} if arguments else block

    def _with_id(self) -> Json:
        # Made as it is sent, so that a reply that is used twice has two.
        unnamed = self.start.get("type") == "tool_use" and not self.start.get("id")
        return {**self.start, "id": new_id("toolu")} if unnamed else dict(self.start)


#: How much of a block one event carries, in characters, where nothing else is said.
CHUNK_CHARS = 12

Item: TypeAlias = "Block | tuple[Block, ...] | SendRaw | Hold | Pause | Cut"


def _split(whole: str, chunks: int | None, chunk_chars: int | None = None) -> list[str]:
    size = -(-len(whole) // chunks) or 1 if chunks else chunk_chars or CHUNK_CHARS
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def text(
    whole: str,
    *,
    chunks: int | None = None,
    chunk_chars: int | None = None,
    delay: float = 0.0,
    delay_ms: float = 0.0,
    hold: threading.Event | None = None,
    hold_after: int = 1,
) -> Block:
    """Make a text block, streamed in pieces.

    Parameters
    ----------
    whole
        The text.
    chunks, chunk_chars
        How many pieces, or how many characters a piece has; 12 unless told.
    delay, delay_ms
        Seconds between two pieces, or milliseconds.
    hold, hold_after
        After `hold_after` pieces, wait until `hold` is set.
    """
    pieces = _split(whole, chunks, chunk_chars)
    deltas = tuple({"type": "text_delta", "text": piece} for piece in pieces)
    return Block({"type": "text", "text": ""}, deltas, delay + delay_ms / 1000, hold, hold_after)


def thinking(
    whole: str,
    *,
    chunks: int | None = None,
    chunk_chars: int | None = None,
    delay: float = 0.0,
    delay_ms: float = 0.0,
) -> Block:
    """Make a thinking block, with a made-up signature; the parameters are those of `text`."""
    pieces = _split(whole, chunks, chunk_chars)
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    deltas.append({"type": "signature_delta", "signature": "c2NyaXB0ZWQ="})
    start = {"type": "thinking", "thinking": "", "signature": ""}
    return Block(start, tuple(deltas), delay + delay_ms / 1000)


def tool(
    name: str,
    arguments: Mapping[str, Any] | None = None,
    /,
    *,
    id: str = "",  # noqa: A002 - the API's own name
    **more: Any,
) -> Block:
    """Make a tool call; without `id` it gets one of its own each time that it is sent.

    The arguments are a mapping or keywords: `tool("Bash", command="ls")`.
    """
    start: Json = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return Block(start, _arguments({**(arguments or {}), **more}))


def server_tool(name: str, result: Any, /, **arguments: Any) -> tuple[Block, Block]:
    """Make a call of a tool that the API itself runs, and its result.

    `name` is such as `web_search`; `result` is the content of the `NAME_tool_result` block.
    """
    key = new_id("srvtoolu")
    start: Json = {"type": "server_tool_use", "id": key, "name": name, "input": {}}
    answer: Json = {"type": f"{name}_tool_result", "tool_use_id": key, "content": result}
    return Block(start, _arguments(arguments)), Block(answer)


def _arguments(arguments: Mapping[str, Any]) -> tuple[Json, ...]:
    pieces = _split(json.dumps(dict(arguments)), None)
    return tuple({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def unknown_block(raw: Mapping[str, Any]) -> Block:
    """Make a block of any kind, sent as it is, such as one that no client knows yet."""
    return Block(dict(raw))


def raw_sse(sse: str) -> SendRaw:
    r"""Send this text into the stream as it is; an event ends with an empty line (`\n\n`)."""
    return SendRaw(sse)


def malformed() -> SendRaw:
    """Send an event whose data is no JSON."""
    return SendRaw('event: content_block_delta\ndata: {"type": "content_block_del\n\n')


def stream_error(type: str = "overloaded_error", message: str = "Overloaded") -> SendRaw:  # noqa: A002
    """Send an error into a stream that began well."""
    body = {"type": "error", "error": {"type": type, "message": message}}
    return SendRaw(f"event: error\ndata: {json.dumps(body)}\n\n")


def hold(event: threading.Event) -> Hold:
    """Wait until `event` is set, the client goes away or the server closes."""
    return Hold(event)


def pause(seconds: float) -> Pause:
    """Wait `seconds`."""
    return Pause(seconds)


def cut() -> Cut:
    """Close the connection here, in the middle of the answer."""
    return Cut()


def new_id(prefix: str) -> str:
    """Make an id in the API's style: the prefix, `_01` and 22 characters."""
    return f"{prefix}_01{uuid.uuid4().hex[:22]}"


# ---- replies -------------------------------------------------------------------------------


_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "output_tokens": 20,
}


class Reply:
    """One answer of the model.

    Parameters
    ----------
    *items
        Texts, or what `text`, `thinking`, `tool`, `server_tool`, `unknown_block`, `raw_sse`,
        `malformed`, `stream_error`, `hold`, `pause` and `cut` make.
    first_delay, first_token_ms
        Seconds, or milliseconds, from the request to the first event.
    cut_after
        Close the connection after this many pieces of content.
    stop_reason
        None is `tool_use` if there is a tool call, else `end_turn`.
    usage
        Token counts that replace the made-up ones, such as `{"output_tokens": 100_000}`.
    """

    def __init__(
        self,
        *items: Item | str,
        first_delay: float = 0.0,
        first_token_ms: float = 0.0,
        cut_after: int | None = None,
        stop_reason: str | None = None,
        usage: Mapping[str, int] | None = None,
    ) -> None:
        self.items = tuple(text(item) if isinstance(item, str) else item for item in items)
        self.first_delay = first_delay + first_token_ms / 1000
        self.cut_after = cut_after
        self.stop_reason = stop_reason or self._stop_reason()
        self.usage: Json = {**_USAGE, **(usage or {})}

    def blocks(self) -> list[Block]:
        """Return the content blocks, without what is in between."""
        found: list[Block] = []
        for item in self.items:
            found.extend(item if isinstance(item, tuple) else ())
            found.extend([item] if isinstance(item, Block) else [])
        return found

    def _stop_reason(self) -> str:
        types = {block.start["type"] for block in self.blocks()}
        return "tool_use" if "tool_use" in types else "end_turn"

    def message(self, model: str, content: list[Json], stop_reason: str | None) -> Json:
        """Return the API's message object around `content`."""
        return {
            "id": new_id("msg"),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": self.usage if stop_reason else {**self.usage, "output_tokens": 1},
        }

    def whole(self, model: str) -> Json:
        """Return the answer to a request that asked for no stream."""
        content = [block.whole() for block in self.blocks()]
        return self.message(model, content, self.stop_reason)

    def steps(self, model: str) -> Iterator[Step]:
        """Return what streams the answer."""
        yield Pause(self.first_delay)
        chunks = 0
        for step in self._all_steps(model):
            if self.cut_after is not None and chunks >= self.cut_after:
                yield Cut()
                return
            chunks += isinstance(step, Send) and step.is_chunk
            yield step

    def _all_steps(self, model: str) -> Iterator[Step]:
        yield Send({"type": "message_start", "message": self.message(model, [], None)})
        index = 0
        for item in self.items:
            if isinstance(item, Block | tuple):
                for block in item if isinstance(item, tuple) else (item,):
                    yield from block.steps(index)
                    index += 1
            else:
                yield item
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
        yield Send({"type": "message_delta", "delta": delta, "usage": self.usage})
        yield Send({"type": "message_stop"})


@dataclass(frozen=True)
class ApiError:
    """An HTTP error in place of an answer."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self) -> Json:
        """Return the API's error object."""
        error_object = {"type": self.type, "message": self.message}
        return {"type": "error", "error": error_object, "request_id": new_id("req")}


#: What the API says with each status, https://docs.claude.com/en/api/errors.
_ERRORS = {
    400: ("invalid_request_error", "Bad request"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def error(
    status: int,
    type: str | None = None,  # noqa: A002 - the API's own name
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ApiError:
    """Make an HTTP error; type and message are the API's own for that status if not given."""
    known_type, known_message = _ERRORS.get(status, ("api_error", f"HTTP {status}"))
    return ApiError(status, type or known_type, message or known_message, dict(headers or {}))


def bad_key() -> ApiError:
    """Make the API's refusal of a key (401)."""
    return error(401)


def rate_limited(retry_after: int | None = None) -> ApiError:
    """Make the API's answer over the rate limit (429); `retry_after` in seconds."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return error(429, headers=headers)


def overloaded() -> ApiError:
    """Make the API's answer when it is overloaded (529)."""
    return error(529)


def server_error(status: int = 500) -> ApiError:
    """Make the API's own failure."""
    return error(status, "api_error", "Internal server error")


def prompt_too_long() -> ApiError:
    """Make the API's refusal of a conversation that fits no context window (400)."""
    return error(400, message="prompt is too long: 208310 tokens > 200000 maximum")


def no_such_model(model: str) -> ApiError:
    """Make the API's refusal of a model that it doesn't have (404)."""
    return error(404, message=f"model: {model}")


Answer: TypeAlias = "Reply | ApiError | Item | str"
Script: TypeAlias = "Callable[[Request], Answer]"


def to_reply(answer: Answer) -> Reply | ApiError:
    """Return the answer as a reply: a text or an item alone is one with nothing else."""
    return answer if isinstance(answer, Reply | ApiError) else Reply(answer)
