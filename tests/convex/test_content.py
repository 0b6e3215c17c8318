"""Whatever a message holds comes back equal on a machine that had nothing (S7)."""

from __future__ import annotations

import base64
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from machines import Machine, message, running
from tokens import MakeToken

from ipyclaude.messages import (
    Approval,
    ContentBlock,
    ImageBlock,
    ResultBlock,
    SessionInfo,
    TextBlock,
    ThinkingBlock,
    Todo,
    TodoList,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    new_id,
    parse_block,
)

pytestmark = pytest.mark.asyncio

#: Lone surrogates, NUL, emoji, the escape of our own codec, line ends that JSON or JS dislike.
ODD = "\ud800 \udfff \ude00\ud83d \0 \U0001f600 \U0010ffff \u2028 \r\n é e\u0301 $"
INT64 = [2**63 - 1, -(2**63), 2**53 + 1, 0]


def noise(size: int) -> str:
    """Make text that nothing makes smaller, the same each time."""
    raw = random.Random(size).randbytes(size * 3 // 4)
    return base64.b64encode(raw).decode()


def deep(levels: int) -> Any:
    """Nest deeper than Convex allows."""
    return {"down": deep(levels - 1)} if levels else ODD


CONTENTS: dict[str, tuple[ContentBlock, ...]] = {
    "nothing": (),
    "plain": (TextBlock(text="hello"), ThinkingBlock(thinking="hm", duration_ms=3.5)),
    "odd text": (TextBlock(text=ODD), ToolUseBlock(id="1", name=ODD, input={ODD: ODD})),
    "a result of 3 MB": (ToolResultBlock(tool_use_id="1", content=noise(3 << 20)),),
    "a result that packs well": (ToolResultBlock(tool_use_id="1", content="again and " * 400_000),),
    "an image": (
        ImageBlock(source={"type": "base64", "media_type": "image/png", "data": noise(900_000)}),
    ),
    "9,000 blocks": tuple(TextBlock(text=f"{n} {ODD}") for n in range(9000)),
    "forbidden keys": (
        ToolUseBlock(id="1", name="T", input={"$schema": {"$ref": 1}, "_id": 2, "": 3, "é": 4}),
    ),
    "int64": (ToolUseBlock(id="1", name="T", input={"numbers": INT64}),),
    "floats": (
        ToolResultBlock(tool_use_id="1", content=[math.nan, math.inf, -math.inf, -0.0, 5e-324]),
    ),
    "depth": (ToolUseBlock(id="1", name="T", input=deep(300)),),
    "unknown": (
        UnknownBlock(raw={"type": "hologram", "$": [None, ODD]}),
        parse_block({"type": "text", "text": "x", "citations": [{"$": 2**60}]}),
    ),
    "a turn's end": (ResultBlock(duration_ms=3.5, cost_usd=0.125, structured_output={"$": ODD}),),
}


def whole(value: object) -> str:
    """Write a value so that NaN is equal to itself, and 1 is not 1.0."""
    return json.dumps(value, default=dict)


async def test_content_comes_back_equal(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """Large, odd, deep and unknown content, in messages, to-dos, questions, names and memory."""
    token = make_token(f"ada-{new_id()}")
    a, b = (Machine(convex.url, token, tmp_path / name / "db") for name in "ab")
    info = SessionInfo(name=f"n {ODD}", title=ODD, cwd=f"/{ODD}", claude_session_id="c")
    sid = info.client_id
    todos = TodoList(client_id=sid, session_id=sid, todos=(Todo(key=ODD, content=ODD),))
    asked = Approval(
        session_id=sid, turn_id="t", tool_use_id="u", tool_name=ODD, input={"$": INT64, ODD: ODD}
    )
    key: Any = {"project_key": "p", "session_id": "c"}
    entries: list[Any] = [
        {"type": "user", "uuid": "1", "$schema": INT64, "text": ODD, "nan": math.nan},
        {"type": "user", "uuid": "2", "message": noise(2 << 20)},
    ]
    sent = [
        message(info, "", content=content, turn_id=name, type="tool")
        for name, content in CONTENTS.items()
    ]
    async with running(a, b):
        a.store.put(info, *sent, todos, asked)
        await a.transcripts.append(key, entries)
        await a.flushed(60)
        assert a.store.outbox(parked=True) == []
        await b.opened(sid)
        for there, here in zip(b.messages(sid), sent, strict=True):
            assert whole(there.content) == whole(here.content), here.turn_id
        assert (await b.until(lambda: b.store.approvals(sid))) == [asked]
        await b.until(lambda: b.store.todos(sid) == todos)
        there = b.store.session(sid)
        assert there is not None
        assert (there.name, there.title, there.cwd) == (info.name, ODD, info.cwd)
        assert whole(await b.transcripts.load(key)) == whole(entries)
