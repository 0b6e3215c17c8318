"""What running commands print is read from the files that the CLI names, and from no other."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from ipyclaude.engine import ToolPrinted
from ipyclaude.engine.printing import TAIL_BYTES, Printing


def _output(folder: Path, task: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    path = folder / f"claude-{user}" / "-here-work" / "session" / "tasks" / f"{task}.output"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _started(task: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "system",
        "subtype": "task_started",
        "task_type": "local_bash",
        "is_backgrounded": False,
        "session_id": "session",
        "task_id": task,
        "tool_use_id": f"use-{task}",
        **more,
    }


def _result(use: str) -> dict[str, Any]:
    return {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": use}]}}


class Told:
    """What was told, in order, to be waited for."""

    def __init__(self, folder: Path) -> None:
        self._queue: asyncio.Queue[ToolPrinted] = asyncio.Queue()
        self.printing = Printing({"CLAUDE_CODE_TMPDIR": str(folder)}, self._queue.put_nowait)

    async def next(self) -> ToolPrinted:
        return await asyncio.wait_for(self._queue.get(), 20)

    @property
    def more(self) -> bool:
        return not self._queue.empty()


@pytest.mark.asyncio
async def test_only_what_is_waited_for_and_can_be_found_is_told(tmp_path: Path) -> None:
    """A command in the background, and one without a file, say nothing and fail nothing (S14)."""
    path, other = _output(tmp_path, "here"), _output(tmp_path, "back")
    path.write_text("one\n")
    other.write_text("not waited for")
    told = Told(tmp_path)
    async with told.printing as printing:
        printing.saw(_started("back", is_backgrounded=True))
        printing.saw(_started("back", task_type="local_agent"))
        printing.saw(_started("nowhere"))
        printing.saw(_started("here", session_id="../*"))
        printing.saw(_started("here"))
        assert await told.next() == ToolPrinted("use-here", "one\n")
        with path.open("a") as file:
            file.write("two\n")
        assert await told.next() == ToolPrinted("use-here", "one\ntwo\n")
    assert not told.more


@pytest.mark.asyncio
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and pipes are not for everybody")
async def test_no_other_file_is_read(tmp_path: Path) -> None:
    """No id leads out of the CLI's folder; no link is followed, and no pipe waited at (S5)."""
    secret = tmp_path / "secret.output"
    secret.write_text("secret")
    folder = _output(tmp_path, "any").parent
    (folder / "link.output").symlink_to(secret)
    os.mkfifo(folder / "pipe.output")
    plain = _output(tmp_path, "plain")
    plain.write_text("words")
    told = Told(tmp_path)
    async with told.printing as printing:
        for task in ("../../../../secret", str(secret.with_suffix("")), "link", "pipe"):
            printing.saw(_started(task))
        printing.saw(_started("plain", session_id="../-here-work/session", tool_use_id="climbs"))
        printing.saw(_started("plain"))
        for words in ("words", "more", "and more"):  # several looks
            plain.write_text(words)
            assert (await told.next()).text == words
            assert not told.more


@pytest.mark.asyncio
@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away"
)
async def test_what_somebody_else_has_put_there_is_not_read(tmp_path: Path) -> None:
    """A file of another user's is none that the CLI has made (S5)."""
    theirs, ours = _output(tmp_path, "theirs"), _output(tmp_path, "ours")
    for path in (theirs, ours):
        path.write_text(path.stem)
    os.chown(theirs, 12345, -1)
    told = Told(tmp_path)
    async with told.printing as printing:
        printing.saw(_started("theirs"))
        printing.saw(_started("ours"))
        for words in ("ours", "more", "and more"):  # several looks
            ours.write_text(words)
            assert await told.next() == ToolPrinted("use-ours", words)


@pytest.mark.asyncio
async def test_the_look_ends_with_the_calls_result(tmp_path: Path) -> None:
    """What is written after the result of a call is told no more; only what is new is told."""
    over, grows, rests = (_output(tmp_path, task) for task in ("over", "grows", "rests"))
    told = Told(tmp_path)
    async with told.printing as printing:
        for path in (rests, over, grows):
            path.write_text("words")
            printing.saw(_started(path.stem))
            assert await told.next() == ToolPrinted(f"use-{path.stem}", "words")
        printing.saw(_result("use-over"))
        over.write_text("words that no one waits for")
        for count in (1, 2, 3):  # several looks
            grows.write_text("more" * count)
            assert await told.next() == ToolPrinted("use-grows", "more" * count)


@pytest.mark.asyncio
async def test_the_end_of_a_long_output_is_told_from_a_lines_start(tmp_path: Path) -> None:
    """No more than is shown, no broken line at its start, no broken character at its end."""
    lines = [f"line {number} é" for number in range(2_000)]
    words = "\n".join(lines).encode()
    path = _output(tmp_path, "long")
    path.write_bytes(words[:-1])
    told = Told(tmp_path)
    async with told.printing as printing:
        printing.saw(_started("long"))
        cut, *rest = (await told.next()).text.split("\n")
        assert cut == "…"
        assert rest == [*lines[-len(rest) : -1], lines[-1][:-1]]
        assert TAIL_BYTES - 20 < len("\n".join(rest).encode()) <= TAIL_BYTES
        whole = tmp_path / "whole"
        whole.write_bytes(b"x" * 3 * TAIL_BYTES)
        whole.replace(path)
        assert (await told.next()).text == f"…\n{'x' * TAIL_BYTES}"
