"""What takes back what a turn did: copies of the files that it changed, and its cells' changes.

They are kept beside the store, in a folder for each turn, so that they outlive Claude's process
and the kernel. They stay on this machine, and are bounded: the oldest turns go first.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .protocol import CellChange

#: Bytes of the largest file that is kept, and of all that is kept.
MAX_FILE, MAX_ALL = 10 * 2**20, 200 * 2**20
#: Turns of one session that are kept.
MAX_TURNS = 20
_FILES, _CELLS = "files.jsonl", "cells.jsonl"


@dataclass
class Kept:
    """A file as it was before a turn changed it."""

    path: Path
    #: The copy; None where there was no such file.
    copy: Path | None
    #: Why there is no copy, though there was a file.
    missing: str = ""
    #: sha256 of what the turn made of it; empty while it has not been changed.
    after: str = ""

    @property
    def stands(self) -> bool:
        """The file is still as the turn left it."""
        return digest(self.path) == self.after

    def put_back(self) -> None:
        """Make the file what it was.

        Raises
        ------
        OSError
            It can't be written.
        """
        if self.copy is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.copy.read_bytes())


class Checkpoints:
    """The turns of all sessions that can be taken back (any thread)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one_at_a_time = threading.Lock()

    # -- while a turn runs ------------------------------------------------------------------

    def before(self, session_id: str, turn_id: str, path: Path) -> None:
        """Keep a file as it is before the turn's first change of it.

        Raises
        ------
        OSError
            The copy can't be written.
        """
        with self._one_at_a_time:
            known = self.files(session_id, turn_id)
            if all(kept.path != path for kept in known):
                self._keep(self._made(session_id, turn_id), path, str(len(known)))

    @staticmethod
    def _keep(folder: Path, path: Path, name: str) -> None:
        entry: dict[str, Any] = {"path": str(path), "copy": None}
        if path.is_file():
            size = path.stat().st_size
            if size > MAX_FILE:
                entry["missing"] = f"it is larger than {MAX_FILE // 2**20} MiB"
            else:
                entry["copy"] = name
                (folder / name).write_bytes(path.read_bytes())
        _append(folder / _FILES, entry)

    def after(self, session_id: str, turn_id: str, path: Path) -> None:
        """Note what the turn made of a file.

        Raises
        ------
        OSError
            It can't be written down.
        """
        folder = self._of(session_id, turn_id)
        if folder.is_dir():
            _append(folder / _FILES, {"path": str(path), "after": digest(path)})

    def note(self, session_id: str, turn_id: str, change: CellChange) -> None:
        """Note what takes the last change of a cell back.

        Raises
        ------
        OSError
            It can't be written down.
        """
        folder = self._made(session_id, turn_id)
        _append(folder / _CELLS, change.model_dump())

    # -- taking back ------------------------------------------------------------------------

    def last(self, session_id: str) -> str:
        """Return the id of the last turn that can be taken back; empty if there is none."""
        turns = sorted(self._turns(session_id), key=lambda folder: folder.name, reverse=True)
        for folder in turns:
            if self.changed(session_id, folder.name) or (folder / _CELLS).is_file():
                return folder.name
        return ""

    def files(self, session_id: str, turn_id: str) -> list[Kept]:
        """Return the files of a turn, those too that it has not changed yet."""
        folder = self._of(session_id, turn_id)
        files: dict[str, Kept] = {}
        for entry in _read(folder / _FILES):
            path, copy = entry["path"], entry.get("copy")
            if "after" in entry:
                files[path].after = entry["after"]
            else:
                kept = Kept(Path(path), folder / copy if copy else None, entry.get("missing", ""))
                files[path] = kept
        return list(files.values())

    def changed(self, session_id: str, turn_id: str) -> list[Kept]:
        """Return the files that a turn has changed."""
        return [kept for kept in self.files(session_id, turn_id) if kept.after]

    def cells(self, session_id: str, turn_id: str) -> tuple[CellChange, ...]:
        """Return what takes a turn's changes of cells back, in order."""
        entries = _read(self._of(session_id, turn_id) / _CELLS)
        return tuple(CellChange.model_validate(entry) for entry in reversed(entries))

    def leave(
        self, session_id: str, turn_id: str, files: Iterable[Kept], cells: Iterable[CellChange]
    ) -> None:
        """Keep of a turn only what could not be taken back.

        Raises
        ------
        OSError
            It can't be written down.
        """
        folder = self._of(session_id, turn_id)
        for name in (_FILES, _CELLS):
            (folder / name).unlink(missing_ok=True)
        left = list(files)
        for kept in left:
            path, copy = str(kept.path), kept.copy.name if kept.copy else None
            _append(folder / _FILES, {"path": path, "copy": copy, "missing": kept.missing})
            _append(folder / _FILES, {"path": path, "after": kept.after})
        for change in reversed(tuple(cells)):
            _append(folder / _CELLS, change.model_dump())
        if not (folder / _FILES).exists() and not (folder / _CELLS).exists():
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self, session_id: str) -> None:
        """Drop all of a session."""
        shutil.rmtree(self._folder / _plain(session_id), ignore_errors=True)

    # -- the folders ------------------------------------------------------------------------

    def _of(self, session_id: str, turn_id: str) -> Path:
        return self._folder / _plain(session_id) / _plain(turn_id)

    def _turns(self, session_id: str) -> list[Path]:
        return list((self._folder / _plain(session_id)).glob("*"))

    def _made(self, session_id: str, turn_id: str) -> Path:
        folder = self._of(session_id, turn_id)
        if not folder.is_dir():
            # A copy may hold what only its owner may read.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            self._prune(session_id, folder)
        return folder

    def _prune(self, session_id: str, made: Path) -> None:
        """Drop the oldest turns (their ids sort by time), so that the rest stays bounded."""
        by_age = sorted(self._folder.glob("*/*"), key=lambda folder: folder.name)
        mine = [folder for folder in by_age if folder.parent.name == _plain(session_id)]
        sizes = {folder: _size(folder) for folder in by_age}
        excess = sum(sizes.values()) - MAX_ALL
        old = set(mine[:-MAX_TURNS])
        for folder in by_age:
            if folder != made and (folder in old or excess > 0):
                excess -= sizes[folder]
                shutil.rmtree(folder, ignore_errors=True)


def _plain(name: str) -> str:
    """Return a name that leads nowhere else: a shared session's id is its owner's to choose."""
    if re.fullmatch(r"[0-9A-Za-z_-]+", name):
        return name
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()


def digest(path: Path) -> str:
    """Return the sha256 of a file; `gone` if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "gone"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


def _append(file: Path, entry: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")


def _read(file: Path) -> list[dict[str, Any]]:
    """Read the entries of a turn; a last line that a kill cut short is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return []
    entries: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries
