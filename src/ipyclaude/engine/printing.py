"""What a running command has printed so far; the CLI itself tells it only at the command's end.

The CLI (2.1.330) has each command write into a file of its own. Of a command in the foreground
that takes longer than about three seconds it says so by a `task_started` line, with the ids of
the task, by which the file is named, and of the tool call. So the file is known and not guessed,
and read only where it is a plain file of this user's in the CLI's own folder: what it holds is
shown. Where it can't be read, the output comes at the command's end.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from . import ToolPrinted

Raw = dict[str, Any]

#: Bytes of the output's end that are shown.
TAIL_BYTES = 8192
LOOK_SECONDS = 0.25
#: Where the CLI's temporary folder is named, best first (as Node's `os.tmpdir` has it).
_FOLDERS = ("CLAUDE_CODE_TMPDIR", "TMPDIR", "TMP", "TEMP")
#: What an id is: never a way out of the folder.
_ID = re.compile(r"[\w-]+")
#: A link is not followed, a pipe not waited at.
_WITH_CARE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Printing:
    """Tells of what the commands of one turn print while they run; a context manager.

    Parameters
    ----------
    env
        What the CLI's environment has besides this process's own.
    tell
        Is called on the event loop.
    """

    def __init__(self, env: Mapping[str, str], tell: Callable[[ToolPrinted], None]) -> None:
        self._folder = _folder({**os.environ, **env})
        self._tell = tell
        #: By tool call.
        self._watches: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Printing:
        return self

    async def __aexit__(self, *_: object) -> None:
        watches = list(self._watches.values())
        for watch in watches:
            watch.cancel()
        if watches:
            await asyncio.wait(watches)

    def saw(self, raw: Raw) -> None:
        """Take note of a line of the CLI's that says that a command runs, or has ended."""
        if raw.get("subtype") == "task_started" and _waited_for(raw):
            use, session, task = (
                str(raw.get(f"{of}_id")) for of in ("tool_use", "session", "task")
            )
            self._end(use)
            if _ID.fullmatch(session) and _ID.fullmatch(task):
                self._watches[use] = asyncio.create_task(
                    self._watch(use, f"*/{session}/tasks/{task}.output"), name="ipyclaude-printing"
                )
        elif raw.get("type") == "user":
            for use in _answered(raw):
                self._end(use)

    def _end(self, tool_use_id: str) -> None:
        watch = self._watches.pop(tool_use_id, None)
        if watch is not None:
            watch.cancel()

    async def _watch(self, tool_use_id: str, pattern: str) -> None:
        path = await asyncio.to_thread(_found, self._folder, pattern)
        told = ""
        while path is not None:
            printed = await asyncio.to_thread(_tail, path)
            if printed and printed != told:
                told = printed
                self._tell(ToolPrinted(tool_use_id, printed))
            await asyncio.sleep(LOOK_SECONDS)


def _waited_for(raw: Raw) -> bool:
    """Tell if a task is a command whose tool call lasts until it ends."""
    return raw.get("task_type") == "local_bash" and raw.get("is_backgrounded") is False


def _answered(raw: Raw) -> list[str]:
    """Return the tool calls whose results are in a line."""
    message: Any = raw.get("message")
    content: Any = cast("Raw", message).get("content") if isinstance(message, dict) else None
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    return [str(cast("Raw", part).get("tool_use_id")) for part in parts if isinstance(part, dict)]


def _folder(env: Mapping[str, str]) -> Path:
    base = next((env[name] for name in _FOLDERS if env.get(name)), "/tmp")  # noqa: S108 - the CLI's
    # Without user ids (Windows) the CLI counts everybody as 0.
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(base, f"claude-{user}")


def _found(folder: Path, pattern: str) -> Path | None:
    """Return the one file of this pattern, if it can be read at all."""
    try:
        paths = [path for path in folder.glob(pattern) if path.is_file()]
    except OSError:
        return None  # as if it were not there: the output comes at the command's end
    return paths[0] if len(paths) == 1 else None


def _open_with_care(path: str, flags: int) -> int:
    return os.open(path, flags | _WITH_CARE)


def _is_ours(status: os.stat_result) -> bool:
    """Tell if this is a plain file, and this user's."""
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and stat.S_ISREG(status.st_mode)


def _tail(path: Path) -> str:
    """Return the end of a file, from a line's start where it has been cut; empty if it is gone."""
    try:
        with open(path, "rb", opener=_open_with_care) as file:
            if not _is_ours(os.fstat(file.fileno())):
                return ""
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except OSError:
        return ""  # the CLI takes it away when the command has ended
    # A character of which only the first bytes are there yet is left for the next time.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(data)
    if size <= TAIL_BYTES:
        return text
    return f"…\n{text.partition(chr(10))[2] or text}"
