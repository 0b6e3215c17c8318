"""A line of the CLI's transcripts, parsed: what the fold looks at, its content as blocks.

pydantic makes Python objects of these parts alone, and makes the blocks as it parses: that
takes half the time of parsing all and reading the blocks from it. The whole line is kept
as it is in the transcript, so nothing is lost here (S7).
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from .messages import ContentBlock, parse_block

_FIRST_THAT_FITS = Field(union_mode="left_to_right")
_Block = Annotated[ContentBlock | Annotated[Any, AfterValidator(parse_block)], _FIRST_THAT_FITS]


class Usage(TypedDict, total=False):
    """Tokens that an API message took."""

    input_tokens: Any
    output_tokens: Any
    cache_read_input_tokens: Any
    cache_creation_input_tokens: Any


class ApiMessage(TypedDict, total=False):
    """The API's message in an entry."""

    id: Any
    model: Any
    stop_reason: Any
    usage: Annotated[Usage | Any, _FIRST_THAT_FITS]
    content: Annotated[list[_Block] | Any, _FIRST_THAT_FITS]


class ToolUseResult(TypedDict, total=False):
    """What the CLI notes of a tool's result, beside what it tells the model."""

    agentId: Any


class Entry(TypedDict, total=False):
    """An entry; whatever a field holds that is of no use to us is there as it was."""

    type: Any
    uuid: Any
    parentUuid: Any
    timestamp: Any
    cwd: Any
    message: Annotated[ApiMessage | Any, _FIRST_THAT_FITS]
    toolUseResult: Annotated[ToolUseResult | Any, _FIRST_THAT_FITS]
    thinkingDurationMs: Any
    isMeta: Any
    isCompactSummary: Any
    origin: Any
    isSidechain: Any
    agentId: Any
    subtype: Any
    level: Any
    content: Any
    aiTitle: Any
    summary: Any
    customTitle: Any
    totalCostUSD: Any


_entry = TypeAdapter(Entry).validator


def parse(raw: bytes) -> Entry:
    """Parse a line.

    Raises
    ------
    ValueError
        If it is not a JSON object; it says why.
    """
    try:
        return _entry.validate_json(raw)
    except ValidationError:
        # Slower, but takes lone surrogates and any depth, and says more of what is wrong.
        found = _loaded(raw)
        if isinstance(found, dict):
            return _entry.validate_python(found)
        raise ValueError("it is JSON, but not an object") from None


def _loaded(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
