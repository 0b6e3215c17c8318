"""What a CLI that was ended too soon has left in its own folder, and not in our store.

It refuses the id of a session that it has a file of, so a session whose first turn was cut
short could never be asked again.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from claude_agent_sdk import project_key_for_directory

from . import EngineOptions


async def settled(wanted: EngineOptions, transcripts: Any) -> tuple[EngineOptions, str | None]:
    """Return the options to start a session with, and what to resume if it was begun before.

    The lines of a file that the store lacks are taken into it; the file stays as it is (S13).
    """
    path = _file(wanted)
    if not path.is_file():
        return wanted, None
    entries = await asyncio.to_thread(_read, path)
    if not any(entry.get("type") in ("user", "assistant") for entry in entries):
        # Nothing was said in it: the CLI would neither resume it nor begin it again.
        return replace(wanted, session_id=str(uuid4())), None
    key = {"project_key": path.parent.name, "session_id": path.stem}
    if transcripts is not None and await transcripts.load(key) is None:
        await transcripts.append(key, entries)
    return wanted, wanted.session_id


def _file(wanted: EngineOptions) -> Path:
    env = {**os.environ, **wanted.env}
    folder = Path(env.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
    project = project_key_for_directory(wanted.cwd)
    return folder / "projects" / project / f"{wanted.session_id}.jsonl"


def _read(path: Path) -> list[dict[str, Any]]:
    """Read a file's lines; a last one that a kill cut short is none."""
    entries: list[dict[str, Any]] = []
    # Not `splitlines`: what people write has line breaks that JSON leaves as they are.
    for line in path.read_bytes().split(b"\n"):
        try:
            entry: Any = json.loads(line.decode("utf-8"))
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)  # pyright: ignore[reportUnknownArgumentType]
    return entries
