"""What a command of the real Claude CLI prints is seen while it runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from engine_bench import Bench, opened

from ipyclaude.engine import MessageDone, ToolPrinted, TurnEnded
from ipyclaude.messages import TextBlock, ToolResultBlock, ToolUseBlock
from ipyclaude.testing.items import Block
from ipyclaude.testing.replies import Reply, tool

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the commands wait at a named pipe"),
]


def _bash(command: str) -> Block:
    # Where the command's words are not seen it ends after a minute, and the test fails.
    return tool("Bash", command=command, timeout=60_000)


def _gates(bench: Bench, *names: str) -> list[Path]:
    """Make the pipes at which the commands wait, each until it is opened."""
    gates = [Path(bench.options.cwd, name) for name in names]
    for gate in gates:
        os.mkfifo(gate)
    return gates


def _open(gate: Path) -> None:
    # Fails rather than waits where no command reads: it runs only because we saw its words.
    gate_end = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
    os.write(gate_end, b"all\n")
    os.close(gate_end)


async def test_two_commands_show_what_they_print_each_in_its_own_call(tmp_path: Path) -> None:
    """Both wait until the words of both were seen, under the ids of their own calls."""
    calls = Reply(_bash("echo one; cat a"), _bash("echo two; cat b"))
    async with opened(tmp_path, calls, "end") as bench:
        gates = _gates(bench, "a", "b")
        uses: dict[str, str] = {}
        seen: dict[str, str] = {}
        results: dict[str, str] = {}
        async for event in bench.made.ask((TextBlock(text="go"),)):
            if isinstance(event, ToolPrinted):
                assert event.tool_use_id not in results
                seen[event.tool_use_id] = event.text
                if len(seen) == len(gates) and not results:
                    for gate in gates:
                        _open(gate)
                    gates = []
            elif isinstance(event, MessageDone):
                for block in event.content:
                    if isinstance(block, ToolUseBlock):
                        uses[block.id] = block.input["command"].split()[1].rstrip(";")
                    elif isinstance(block, ToolResultBlock):
                        results[block.tool_use_id] = str(block.content)
    assert {seen[use].split()[0]: word for use, word in uses.items()} == {
        "one": "one",
        "two": "two",
    }
    assert {results[use]: word for use, word in uses.items()} == {
        "one\nall": "one",
        "two\nall": "two",
    }


async def test_a_turn_that_is_stopped_leaves_nothing_that_looks(tmp_path: Path) -> None:
    """Stopping in the middle of a command ends the look at its output, and closes the file."""
    async with opened(tmp_path, Reply(_bash("echo begun; cat a"))) as bench:
        _gates(bench, "a")
        seen: list[str] = []
        async for event in bench.made.ask((TextBlock(text="go"),)):
            if isinstance(event, ToolPrinted):
                seen.append(event.text)
                await bench.made.interrupt()
            elif isinstance(event, TurnEnded):
                assert event.result.outcome == "stopped"
        assert seen == ["begun\n"]
        assert "ipyclaude-printing" not in {task.get_name() for task in asyncio.all_tasks()}
        files = [file.path for file in psutil.Process().open_files()]
        assert not [path for path in files if path.endswith(".output")]
