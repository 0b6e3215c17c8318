"""History import against a bare loop that parses the same JSONL and inserts each line raw."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import uuid
from pathlib import Path
from time import perf_counter
from typing import Any

from ipyclaude.extension import make_transcripts
from ipyclaude.history import import_history
from ipyclaude.store.sqlite import SqliteStore

from .table import Figure, paired

RUNS = 5
SESSIONS, EXCHANGES = 10, 300


def _lines(session: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    parent: str | None = None
    for number in range(EXCHANGES):
        words = f"Question {number}: " + "what does this function do? " * 10
        answer = f"Answer {number}: " + "It walks the list and keeps what fits. " * 25
        for role, content in (
            ("user", words),
            ("assistant", [{"type": "text", "text": answer}]),
        ):
            entry = str(uuid.uuid4())
            message: dict[str, Any] = {"role": role, "content": content}
            if role == "assistant":
                message |= {"id": f"msg_{number}", "model": "claude", "type": "message"}
            lines.append(
                {
                    "type": role,
                    "uuid": entry,
                    "parentUuid": parent,
                    "sessionId": session,
                    "cwd": "project",
                    "timestamp": "2026-11-01T12:00:00.000Z",
                    "message": message,
                }
            )
            parent = entry
    return lines


def _write(folder: Path) -> list[Path]:
    project = folder / "projects" / "project"
    project.mkdir(parents=True)
    paths: list[Path] = []
    for _ in range(SESSIONS):
        session = str(uuid.uuid4())
        path = project / f"{session}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in _lines(session)))
        paths.append(path)
    return paths


def _bare(paths: list[Path]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        db = sqlite3.connect(Path(folder) / "bare.sqlite3")
        db.execute("CREATE TABLE lines (path TEXT, type TEXT, data TEXT)")
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
        start = perf_counter()
        store = SqliteStore(Path(folder) / "ours.sqlite3")
        report = import_history(store, make_transcripts(store), paths)
        store.close()
        took = perf_counter() - start
    assert report.messages == SESSIONS * EXCHANGES * 2, report
    return took


def measure() -> list[Figure]:
    """Return the one figure, in lines a second."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _write(Path(folder))
        ours, peer = paired(lambda: _ours(paths), lambda: _bare(paths), RUNS)
    count = SESSIONS * EXCHANGES * 2
    return [
        Figure(
            "history import", count / ours, count / peer, "lines/s", 0.5, "bare loop", least=True
        )
    ]
