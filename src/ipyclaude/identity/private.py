"""Files that nobody but their owner may read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file whole or not at all; its folder is made 0700 where missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()  # of a process that died
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)
    fresh.replace(path)


def is_private(path: Path) -> bool:
    """Say whether nobody else may read a file (everything is, where there are no modes)."""
    return os.name != "posix" or not path.stat().st_mode & 0o077
