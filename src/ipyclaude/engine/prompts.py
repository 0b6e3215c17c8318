"""How a prompt is told to the CLI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ..messages import ContentBlock


async def prompt_lines(
    blocks: Sequence[ContentBlock], uuid: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Give the one line of a prompt, which Claude's memory knows by `uuid` then."""
    content = [block.model_dump(mode="python", exclude_none=True) for block in blocks]
    message: dict[str, Any] = {
        "type": "user",
        "message": {"role": "user", "content": content},
        "parent_tool_use_id": None,
    }
    if uuid is not None:
        message["uuid"] = uuid
    yield message
