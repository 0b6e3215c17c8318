"""A store that can't be used says why and what to do, and overwrites nothing (S14)."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipyclaude.exceptions import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from ipyclaude.messages import Message, SessionInfo, TextBlock
from ipyclaude.store import _database
from ipyclaude.store._database import on_network_disk
from ipyclaude.store.migrations import MIGRATIONS
from ipyclaude.store.sqlite import JournalWarning, SqliteStore


def info(name: str = "n") -> SessionInfo:
    """Make a session."""
    return SessionInfo(name=name, cwd="/home/ada")


def big(session: SessionInfo) -> Message:
    """Make a message of 64 KB that doesn't shrink."""
    text = os.urandom(32 * 1024).hex()
    return Message(session_id=session.client_id, type="user", content=(TextBlock(text=text),))


def helpful(error: StoreError, path: Path) -> None:
    """Check that the error names the file and says what to do."""
    assert str(path) in str(error)
    assert error.fix


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a store."""
    return tmp_path / "data" / "store.db"


def test_private(path: Path) -> None:
    """File and folder are for their user only."""
    store = SqliteStore(path)
    store.put(info())
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for part in path.parent.iterdir():
        assert stat.S_IMODE(part.stat().st_mode) == 0o600, part
    store.close()


def test_folder_in_the_way(tmp_path: Path) -> None:
    """A folder where the file should be, or a file where the folder should be, is said."""
    with pytest.raises(StoreUnavailable) as caught:
        SqliteStore(tmp_path)
    helpful(caught.value, tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreUnavailable) as caught:
        SqliteStore(tmp_path / "file" / "store.db")
    helpful(caught.value, tmp_path / "file" / "store.db")
    assert (tmp_path / "file").read_text() == "mine"


def test_read_only(path: Path) -> None:
    """A store on which nothing may be written is refused when it is opened."""
    SqliteStore(path).close()
    before = path.read_bytes()
    with _read_only(path.parent), pytest.raises(StoreReadOnly) as caught:
        SqliteStore(path)
    helpful(caught.value, path)
    assert path.read_bytes() == before


@contextmanager
def _read_only(folder: Path) -> Generator[None, None, None]:
    """Mount a folder read-only where we are root, whom permissions don't stop; else chmod."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    for option in ("bind", "remount,bind,ro"):
        subprocess.run(["mount", "-o", option, str(folder), str(folder)], check=True)
    yield
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 2 MB where we are root, else a folder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        yield disk
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_disk_full(tiny_disk: Path) -> None:
    """On a full disk the write fails whole, what was saved stays, and reading goes on."""
    store = SqliteStore(tiny_disk / "store.db")
    session = info()
    store.put(session)
    if os.geteuid() != 0:  # no disk of our own: SQLite's own limit gives the same error
        _limit(store, 400)
    saved: list[Message] = []

    def fill() -> None:
        for message in (big(session) for _ in range(100)):
            store.put(message)
            saved.append(message)

    with pytest.raises(StoreFull) as caught:
        fill()
    helpful(caught.value, store.path)
    assert list(store.messages(session.client_id).messages) == saved
    assert saved
    store.close()


def test_page_limit(path: Path) -> None:
    """A batch that doesn't fit is not there at all, and smaller ones still go in."""
    store = SqliteStore(path)
    session = info()
    store.put(session)
    _limit(store, 100)
    with pytest.raises(StoreFull):
        store.put(*(big(session) for _ in range(10)))
    assert store.messages(session.client_id).messages == ()
    store.put(Message(session_id=session.client_id, type="user"))
    store.close()


def _limit(store: SqliteStore, pages: int) -> None:
    with store.database.write_lock:
        writer = store.database._writer  # pyright: ignore[reportPrivateUsage]
        writer.execute(f"PRAGMA max_page_count = {pages}")


def test_locked(path: Path) -> None:
    """A lock that another process holds too long is an error; reading goes on meanwhile."""
    store = SqliteStore(path, busy_timeout=0.1)
    store.put(info("first"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked) as caught:
        store.put(info("second"))
    helpful(caught.value, path)
    assert [s.name for s in store.sessions()] == ["first"]
    other.execute("ROLLBACK")
    other.close()
    store.put(info("second"))
    assert len(store.sessions()) == 2
    store.close()


@pytest.mark.parametrize("damage", ["not a database", "header", "schema"])
def test_corrupt(path: Path, damage: str) -> None:
    """A damaged file is kept aside whole, the error says where, and the next start is empty."""
    store = SqliteStore(path)
    store.put(info())
    store.close()
    content = bytearray(path.read_bytes())
    if damage == "not a database":
        content = bytearray(b"this is somebody's text file\n" * 100)
    elif damage == "header":
        content[:100] = bytes(100)
    else:
        content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt) as caught:
        SqliteStore(path)
    kept = Path(caught.value.kept_aside)
    assert kept.name.startswith("store.db.corrupt-")
    assert kept.read_bytes() == content
    assert str(kept) in str(caught.value)
    assert not path.exists()
    with SqliteStoreOpen(path) as store:
        assert store.sessions() == []


class SqliteStoreOpen:
    """Open a store for a block."""

    def __init__(self, path: Path) -> None:
        self.store = SqliteStore(path)

    def __enter__(self) -> SqliteStore:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def test_damage_found_later(path: Path) -> None:
    """Damage in the middle is reported when met, and the file kept aside at the next start."""
    SqliteStore(path).close()
    schema = len(path.read_bytes()) // 4096
    store = SqliteStore(path)
    session = info()
    store.put(session, *(big(session) for _ in range(20)))
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(schema, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with SqliteStoreOpen(path) as damaged, pytest.raises(StoreCorrupt) as caught:
        damaged.delete_session(session.client_id)
    assert caught.value.kept_aside == ""
    with pytest.raises(StoreCorrupt) as caught:
        SqliteStore(path)
    assert Path(caught.value.kept_aside).exists()


def test_too_new(path: Path) -> None:
    """A newer schema is left alone."""
    SqliteStore(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew) as caught:
        SqliteStore(path)
    helpful(caught.value, path)
    assert path.read_bytes() == before


def test_interrupted_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails leaves the schema as it was; the next start goes on from there."""

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise sqlite3.OperationalError("power cut")

    SqliteStore(path).close()
    monkeypatch.setattr("ipyclaude.store.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(StoreError):
        SqliteStore(path)
    monkeypatch.undo()
    with SqliteStoreOpen(path):
        raw = sqlite3.connect(path)
        assert (
            raw.execute("SELECT count(*) FROM sqlite_master WHERE name='half'").fetchone()[0] == 0
        )
        raw.close()


def test_network_disk_warns_once(path: Path) -> None:
    """Where WAL can't work the store says so once, and works with a rollback journal."""
    with pytest.warns(JournalWarning, match="network disk"):
        store = SqliteStore(path, is_network=lambda _: True)
    assert store.journal == "delete"
    store.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SqliteStore(path, is_network=lambda _: True).close()


def test_knows_network_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system of the longest mount that holds the path decides."""
    mounts = f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\ntmpfs {tmp_path}/ram tmpfs\n"
    fake = tmp_path.parent / f"{tmp_path.name}-mounts"
    fake.write_text(mounts)
    monkeypatch.setattr(_database, "_MOUNTS", fake)
    assert on_network_disk(tmp_path / "home" / "ada")
    assert not on_network_disk(tmp_path / "ram")
    assert not on_network_disk(tmp_path.parent)


def test_forked(path: Path) -> None:
    """A forked child can't use its parent's store, and is told so."""
    script = (
        "import os, sys\n"
        "from ipyclaude.store.sqlite import SqliteStore\n"
        "from ipyclaude.exceptions import StoreUnavailable\n"
        "store = SqliteStore(sys.argv[1])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        store.sessions()\n"
        "    except StoreUnavailable as error:\n"
        "        os._exit(7 if 'forked' in str(error) else 1)\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 7


def test_close_leaves_nothing(path: Path) -> None:
    """A closed store holds no thread and no file, also with a listener left."""
    before = {t.ident for t in threading.enumerate()}
    store = SqliteStore(path)
    store.subscribe(lambda values: None)
    assert any(t.name == "ipyclaude-store-watcher" for t in threading.enumerate())
    store.put(info())
    store.close()
    assert {t.ident for t in threading.enumerate()} == before
    links = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    assert [fd for fd in links if str(path.parent) in str(fd.readlink())] == []
    assert sorted(p.name for p in path.parent.iterdir()) == ["store.db"]


def test_listener_that_fails(path: Path) -> None:
    """A listener's failure is reported; the writer and the other listeners go on."""
    errors: list[Exception] = []
    heard: list[object] = []
    store = SqliteStore(path, on_listener_error=errors.append)

    def fail(_: object) -> None:
        raise ZeroDivisionError

    store.subscribe(fail)
    store.subscribe(heard.extend)
    store.put(info())
    assert [type(e) for e in errors] == [ZeroDivisionError]
    assert len(heard) == 1
    store.close()
