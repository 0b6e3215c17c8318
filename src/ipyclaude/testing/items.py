"""What a reply is made of, and what sends it: the events of the Messages API's stream.

They are described at https://docs.claude.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

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
