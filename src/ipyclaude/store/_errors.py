"""From SQLite's and the system's errors to ours: the one place that knows both."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path

from ..exceptions import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
)

# Primary result codes, https://www.sqlite.org/rescode.html. Python names them from 3.11 on.
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR = 3, 5, 6, 8, 10
_CORRUPT, _FULL, _CANTOPEN, _NOTADB = 11, 13, 14, 26
# SQLite's own fixed English, for Python 3.10, which does not tell the code.
_BY_TEXT = {
    "database is locked": _BUSY,
    "table is locked": _LOCKED,
    "readonly database": _READONLY,
    "disk i/o error": _IOERR,
    "malformed": _CORRUPT,
    "disk is full": _FULL,
    "unable to open": _CANTOPEN,
    "not a database": _NOTADB,
}


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 where it can't be known."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF
    text = str(error).lower()
    return next((code for part, code in _BY_TEXT.items() if part in text), 0)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Tell whether the error says that the file is damaged."""
    return code_of(error) in (_CORRUPT, _NOTADB)


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Make the error for a person out of SQLite's."""
    code = code_of(error)
    if code in (_BUSY, _LOCKED):
        return StoreLocked(
            f"The store {path} stayed locked by another process for too long.",
            "Another kernel is writing, or was stopped in the middle of it.",
            "Try again; if it goes on, restart the other kernels that use this store.",
        )
    if code in (_FULL,) or (code == _IOERR and _disk_is_full(path)):
        return full(path)
    if code in (_READONLY, _PERM):
        return read_only(path, str(error))
    if code in (_CORRUPT, _NOTADB):
        return StoreCorrupt(
            f"The store {path} is damaged.",
            f"SQLite says: {error}.",
            "Restart every kernel that uses it: the file is then checked, and kept aside.",
        )
    if code == _CANTOPEN:
        return StoreUnavailable(
            f"The store {path} can't be opened.",
            f"SQLite says: {error}.",
            "Check that its folder exists and may be written, or choose another file.",
        )
    if "fts5" in str(error):
        return StoreUnavailable(
            "This Python's SQLite can't do full-text search (FTS5).",
            f"It is SQLite {sqlite3.sqlite_version}, built without it.",
            "Use a Python from python.org, conda or your Linux distribution.",
        )
    return StoreError(
        f"The store {path} could not do that; nothing was changed.",
        f"SQLite says: {error}.",
        "Try again; if it goes on, please report it.",
    )


def full(path: Path) -> StoreFull:
    """Make the error for a full disk."""
    return StoreFull(
        "The disk is full: nothing more can be saved.",
        f"The store is {path}.",
        "Free some space on that disk, then go on; what was saved is whole.",
    )


def read_only(path: Path, why: str) -> StoreReadOnly:
    """Make the error for a file or folder that can't be written."""
    return StoreReadOnly(
        f"The store {path} can't be written.",
        f"The system says: {why}.",
        "Give yourself write permission on the file and its folder, or choose another file.",
    )


def from_os(error: OSError, path: Path) -> StoreError:
    """Make the error for a person out of the system's."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path)
    if error.errno == errno.EROFS:
        return read_only(path, os.strerror(errno.EROFS))
    return StoreUnavailable(
        f"The folder of the store {path} can't be used.",
        f"The system says: {error.strerror or error}.",
        "Check the folder and its permissions, or set IPYCLAUDE_DATA_DIR to another.",
    )


def keep_aside(path: Path, error: sqlite3.Error) -> StoreCorrupt:
    """Rename a damaged store, its journals with it; return the error that says so."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    kept = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while kept.exists():  # nothing is ever overwritten
        number += 1
        kept = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    try:
        for end in ("-wal", "-shm", "-journal", ""):
            part = path.with_name(path.name + end)
            if part.exists():
                part.rename(kept.with_name(kept.name + end))
        damage_mark(path).unlink(missing_ok=True)
    except OSError as failed:
        return StoreCorrupt(
            f"The store {path} is damaged.",
            f"SQLite says: {error}. It could not be renamed: {failed}.",
            "Move the file away yourself, then run this again.",
        )
    return StoreCorrupt(
        f"The store {path} is damaged; it was kept as {kept}.",
        f"SQLite says: {error}.",
        "Run this again to start with an empty store; what the kept file still holds may be"
        " rescued with `sqlite3 FILE .recover`.",
        kept_aside=str(kept),
    )


def damage_mark(path: Path) -> Path:
    """Name the file whose presence asks the next opening to check the whole store."""
    return path.with_name(path.name + ".damaged")


def _disk_is_full(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except (OSError, AttributeError):  # AttributeError: not on Windows
        return False
    return disk.f_bavail == 0
