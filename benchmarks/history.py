"""History import against a bare loop that parses the same JSONL and inserts each line raw.

Both go into a database that is open, as a kernel's store is; closing it, where SQLite may still
have to move what was written to its place, counts.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import tempfile
import uuid
from pathlib import Path
from time import perf_counter

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient

from ipyclaude.engines import make_transcripts
from ipyclaude.history import import_history
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, ScriptedModel, text, thinking, tool

from .table import Figure, paired

RUNS = 11
EXCHANGES, SESSIONS = 12, 60
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def _converse(folder: Path) -> None:
    """Let the real CLI write a session: each exchange thinks, reads a file and runs a command."""
    code = folder / "work" / "code.py"
    code.parent.mkdir()
    code.write_text("kept = [item for item in items if fits(item)]\n" * 40)
    with ScriptedModel() as model:
        for number in range(EXCHANGES):
            model.script(
                Reply(thinking("What is asked? " * 10), tool("Read", {"file_path": str(code)})),
                Reply(text("I look once more."), tool("Bash", {"command": "ls -la"})),
                Reply(text(f"Answer {number}: " + "It walks the list and keeps what fits. " * 25)),
            )
        options = ClaudeAgentOptions(
            cwd=code.parent, allowed_tools=["Bash", "Read"], env=model.env(folder / "config")
        )
        async with ClaudeSDKClient(options) as client:
            for _ in range(EXCHANGES):
                await client.query("What does this function do? " * 10)
                async for _ in client.receive_response():
                    pass


def _write(folder: Path) -> list[Path]:
    """Write one session by the CLI, and as many more that differ from it by their ids alone."""
    asyncio.run(_converse(folder))
    (original,) = (folder / "config").rglob("*.jsonl")
    said, paths = original.read_text(), list[Path]()
    for _ in range(SESSIONS):
        ids: dict[str, str] = {}

        def other(found: re.Match[str], ids: dict[str, str] = ids) -> str:
            return ids.setdefault(found[0], str(uuid.uuid4()))

        copy = _UUID.sub(other, said)
        path = folder / "projects" / "project" / f"{ids[original.stem]}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(copy)
        paths.append(path)
    return paths


def _bare(paths: list[Path]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "bare.sqlite3")
        db.execute("CREATE TABLE lines (path TEXT, type TEXT, data TEXT)")
        start = perf_counter()
        for path in paths:
            with path.open() as file:
                for line in file:
                    kind = json.loads(line)["type"]
                    db.execute("INSERT INTO lines VALUES (?, ?, ?)", (str(path), kind, line))
        db.commit()
        db.close()
        return perf_counter() - start


def _ours(paths: list[Path]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "ours.sqlite3")
        transcripts = make_transcripts(store)
        start = perf_counter()
        report = import_history(store, transcripts, paths)
        store.close()
        took = perf_counter() - start
    assert report.sessions == SESSIONS, report
    assert not report.bad_lines, report
    return took


def measure() -> list[Figure]:
    """Return the one figure, in lines a second."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder))
        count = sum(path.read_bytes().count(b"\n") for path in paths)
        ours, peer = paired(lambda: _ours(paths), lambda: _bare(paths), RUNS)
    return [
        Figure(
            "history import", count / ours, count / peer, "lines/s", 0.5, "bare loop", least=True
        )
    ]
