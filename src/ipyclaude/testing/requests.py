"""What a `ScriptedModel` was asked: the body of a request, with views of what matters in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: What the CLI (2.1.330) and the notebook write in the person's place.
_NOT_SAID = (
    "<notebook-context>",
    "<system-reminder>",
    "<command-",
    "<local-command",
    "[Request interrupted by user",
    "Your response above was cut off mid-stream.",
)


class Request(dict[str, Any]):
    """A call of `/v1/messages`, as the CLI made it: a dict, the request's body."""

    #: Its headers, with names in lower case; the API key is never kept.
    headers: Mapping[str, str]

    def __init__(self, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body)
        self.headers = dict(headers or {})

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.get("model", ""))

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools on offer, those that `ToolSearch` found included."""
        named = [str(tool.get("name")) for tool in self.get("tools") or ()]
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
        return list(self.get("messages") or ())

    @property
    def prompts(self) -> tuple[str, ...]:
        """What the person wrote, oldest first, without the CLI's own additions."""
        found = [_said(message) for message in self.messages if message.get("role") == "user"]
        return tuple(words for words in found if words)

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
    return "\n".join(words for words in texts if not words.lstrip().startswith(_NOT_SAID)).strip()
