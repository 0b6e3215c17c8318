"""What a `ScriptedModel` answers: replies made of items, and errors.

::

    Reply(thinking("Let me see."), text("Here it is.", chunks=8, delay=0.02))
    Reply(text("I'll look."), tool("Bash", {"command": "ls"}))
    Reply(text("Half of"), hold(event), text(" it."))
    error(429, headers={"retry-after": "7"})

What they are made of is in items.py, and the errors in api_errors.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from .api_errors import (
    ApiError,
    bad_key,
    error,
    no_such_model,
    overloaded,
    prompt_too_long,
    rate_limited,
    server_error,
)
from .items import (
    Block,
    Cut,
    Hold,
    Item,
    Json,
    Pause,
    Send,
    SendRaw,
    Step,
    cut,
    hold,
    malformed,
    new_id,
    pause,
    raw_sse,
    server_tool,
    stream_error,
    text,
    thinking,
    tool,
    unknown_block,
)
from .requests import Request

__all__ = [
    "Answer",
    "ApiError",
    "Block",
    "Cut",
    "Hold",
    "Item",
    "Json",
    "Pause",
    "Reply",
    "Script",
    "Send",
    "SendRaw",
    "Step",
    "bad_key",
    "cut",
    "error",
    "hold",
    "malformed",
    "new_id",
    "no_such_model",
    "overloaded",
    "pause",
    "prompt_too_long",
    "rate_limited",
    "raw_sse",
    "server_error",
    "server_tool",
    "stream_error",
    "text",
    "thinking",
    "to_reply",
    "tool",
    "unknown_block",
]

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


Answer: TypeAlias = "Reply | ApiError | Item | str"
Script: TypeAlias = "Callable[[Request], Answer]"


def to_reply(answer: Answer) -> Reply | ApiError:
    """Return the answer as a reply: a text or an item alone is one with nothing else."""
    return answer if isinstance(answer, Reply | ApiError) else Reply(answer)
