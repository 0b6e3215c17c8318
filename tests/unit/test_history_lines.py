"""Lines of the CLI's transcripts, parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipyclaude.history_lines import parse
from ipyclaude.messages import parse_block

_CONTENT: list[Any] = [
    {"type": "text", "text": "hi \u00e9\U0001f600\0", "citations": [{"$schema": 1}]},
    {"type": "thinking", "thinking": "hm", "signature": "s", "duration_ms": 7},
    {
        "type": "tool_use",
        "id": "t",
        "name": "Bash",
        "input": {"n": 1 << 70, "f": 1.5, "none": None},
    },
    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}], "is_error": True},
    {"type": "image", "source": {"type": "base64", "data": ""}},
    {"type": "tool_use", "id": 1},
    {"type": "brand_new", "x": [1, {}]},
    {"text": "of no type"},
    {"type": ["odd"]},
    "bare",
    7,
    None,
]


@pytest.mark.parametrize("said", ["all is well", "a lone \ud800 surrogate"])
def test_blocks_are_the_same_however_they_are_read(said: str) -> None:
    """What pydantic makes of a line at once is what reading block by block makes of it (S7)."""
    content = [*_CONTENT, {"type": "text", "text": said}]
    entry = parse(json.dumps({"type": "user", "message": {"content": content}}).encode())
    assert entry.get("message", {}).get("content") == [parse_block(block) for block in content]


@pytest.mark.parametrize("content", ["a prompt", 7, None])
def test_what_is_no_list_stays_as_it_was(content: Any) -> None:
    """Content that is no list of blocks is left to the reader, and so is a message of no shape."""
    for message in ({"content": content}, content):
        entry = parse(json.dumps({"message": message, "toolUseResult": content}).encode())
        assert entry.get("message") == message
        assert entry.get("toolUseResult", 0) == content


def test_only_what_is_of_use_is_made() -> None:
    """Fields of no use to the fold cost nothing; those it looks at are there with any value."""
    message = {"id": "m", "usage": {"input_tokens": None, "service_tier": "x"}, "role": "user"}
    raw = {
        "uuid": 7,
        "timestamp": None,
        "message": message,
        "toolUseResult": {"agentId": "a", "x": 1},
    }
    assert parse(json.dumps({**raw, "requestId": "r"}).encode()) == {
        **raw,
        "message": {"id": "m", "usage": {"input_tokens": None}},
        "toolUseResult": {"agentId": "a"},
    }


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"[1]", "not an object"),
        (b'{"type": "us', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"a": 1} {"b": 2}', "not JSON"),
    ],
)
def test_a_bad_line_says_why(raw: bytes, why: str) -> None:
    """What is no JSON object is refused with the reason (S14)."""
    with pytest.raises(ValueError, match=why):
        parse(raw)
