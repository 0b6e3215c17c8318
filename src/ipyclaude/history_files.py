"""Claude Code's history on disk: where it is, its lines, and what became of them.

Nothing is ever written there (S13).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .exceptions import HistoryError
from .history_fold import time_of
from .store._imports import Mark

_HEAD_LINES = 50
#: In bytes: with Python's own of 8 KiB, reading costs twice as much.
_BUFFER = 1 << 17


@dataclass(frozen=True)
class HistoryFile:
    """One session of Claude Code on disk. `size` is in bytes, subagents included."""

    path: Path
    session_id: str
    project_key: str
    size: int
    subagents: tuple[Path, ...] = ()


@dataclass(frozen=True)
class BadLine:
    """A line that could not be read. It is kept raw as a message of its session."""

    path: Path
    line: int
    reason: str


@dataclass(frozen=True)
class Skipped:
    """A file that was left alone."""

    path: Path
    reason: str


@dataclass
class ImportReport:
    """What an import did: sessions and messages written (new or again), and what it couldn't."""

    sessions: int = 0
    messages: int = 0
    bad_lines: list[BadLine] = field(default_factory=list[BadLine])
    skipped: list[Skipped] = field(default_factory=list[Skipped])


def config_dir() -> Path:
    """Return the folder where Claude Code keeps its files."""
    chosen = os.environ.get("CLAUDE_CONFIG_DIR")
    return Path(chosen).expanduser() if chosen else Path.home() / ".claude"


def find_history(config_dir_: Path | None = None) -> list[HistoryFile]:
    """Return every session that Claude Code has on disk, oldest first.

    Parameters
    ----------
    config_dir_
        Where to look; `CLAUDE_CONFIG_DIR`, else `~/.claude`, where not given.

    Raises
    ------
    HistoryError
        If the folder is there but can't be read.
    """
    projects = (config_dir_ or config_dir()) / "projects"
    if not projects.exists():
        return []
    try:
        found = [describe(path) for path in projects.glob("*/*.jsonl") if path.is_file()]
        return sorted(found, key=lambda file: (file.path.stat().st_mtime, file.path))
    except OSError as error:
        raise unreadable(projects, error) from error


def describe(path: Path) -> HistoryFile:
    """Describe the session whose main file this is."""
    folder = path.with_suffix("") / "subagents"
    subagents = tuple(sorted(folder.rglob("*.jsonl"))) if folder.is_dir() else ()
    size = sum(part.stat().st_size for part in (path, *subagents))
    return HistoryFile(path, path.stem, path.parent.name, size, subagents)


def chosen(paths: Sequence[str | os.PathLike[str]]) -> list[HistoryFile]:
    """Describe the files and folders that somebody named."""
    found = list[HistoryFile]()
    for given in paths:
        path = Path(given).expanduser()
        try:
            if path.is_dir():
                main = [p for p in sorted(path.rglob("*.jsonl")) if "subagents" not in p.parts]
                found.extend(describe(p) for p in main)
            else:
                found.append(describe(path))
        except OSError as error:
            raise unreadable(path, error) from error
    return found


def unreadable(path: Path, error: OSError) -> HistoryError:
    """Make the error for a path that can't be read."""
    return HistoryError(
        f"Claude Code's history at {path} can't be read.",
        f"The system says: {error.strerror or error}.",
        "Give the path of a session's .jsonl file, or of a folder that holds some.",
    )


def lines(path: Path, mark: Mark) -> Iterator[bytes]:
    """Yield new lines; `mark` stands behind each while it is looked at.

    The last one, where it has no end and isn't whole, is left for the next time: the CLI may
    be writing it.
    """
    with path.open("rb", buffering=_BUFFER) as stream:
        stream.seek(mark.offset)
        for raw in stream:
            if not raw.endswith(b"\n") and not _is_whole(raw):
                return
            mark.offset += len(raw)
            mark.line += 1
            text = raw.strip()
            if text:
                yield text


def _is_whole(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def agent_name(path: Path) -> str:
    """Return the id of the subagent whose file this is."""
    return path.stem.removeprefix("agent-")


def metadata(path: Path) -> dict[str, Any]:
    """Return what the CLI notes beside a subagent's transcript; empty where it's not readable."""
    try:
        raw = json.loads(path.with_suffix(".meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def first_time(path: Path) -> float | None:
    """Return the first time that the file says, in epoch ms: it never changes again."""
    with path.open("rb") as stream:
        for _, raw in zip(range(_HEAD_LINES), stream, strict=False):
            try:
                entry = json.loads(raw)
            except (ValueError, RecursionError):
                continue
            when = time_of(entry) if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownArgumentType]
            if when is not None:
                return when
    return None
