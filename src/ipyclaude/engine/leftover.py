"""What a CLI that was ended too soon has left in its own folder, and not in our store.

It refuses the id of a session that it has a file of, so a session whose first turn was cut
short could never be asked again.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from claude_agent_sdk import project_key_for_directory

from ..jsonl import entries_of, is_conversation
from . import EngineOptions


async def settled(wanted: EngineOptions, transcripts: Any) -> tuple[EngineOptions, str | None]:
    """Return the options to start a session with, and what to resume if it was begun before.

    The lines of a file that the store lacks are taken into it; the file stays as it is (S13).
    """
    path = _file(wanted)
    if not path.is_file():
        return wanted, None
    entries = await asyncio.to_thread(lambda: entries_of(path.read_bytes()))
    if not is_conversation(entries):
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
