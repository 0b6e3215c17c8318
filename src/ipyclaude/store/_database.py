"""One SQLite file, opened: connections, transactions, journal mode, permissions."""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..exceptions import StoreUnavailable
from ._errors import damage_mark, from_os, is_corrupt, keep_aside, read_only, translate
from .migrations import migrate

# File systems on which WAL's shared memory does not work between machines,
# https://www.sqlite.org/wal.html ("does not work over a network filesystem").
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "lustre", "ceph", "beegfs", "gpfs"}
    | {"glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone"}
)


_MOUNTS = Path("/proc/mounts")


class JournalWarning(UserWarning):
    """The store can't use its fast journal here; it works, but writers wait for each other."""


def on_network_disk(path: Path) -> bool:
    """Tell whether `path` lies on a network file system (Linux; elsewhere SQLite decides)."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
        real = str(path.resolve())
    except OSError:
        return False
    best = ("", "")
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = fields[1].replace("\\040", " ")
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best[0]):
            best = (place, fields[2])
    return best[1] in _NETWORK


class Database:
    """The connections of one process to one store file.

    One connection writes and one reads, each behind a lock, so that reading goes on while
    a writer waits for another process. Not usable in a forked child: SQLite forbids it.

    Parameters
    ----------
    path
        The file; made with mode 0600 in a folder of mode 0700 where missing.
    busy_timeout
        Seconds to wait for another process's lock.
    is_network
        Tells whether a path is on a network disk, where WAL can't work.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: float = 10.0,
        is_network: Callable[[Path], bool] = on_network_disk,
    ) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._network = is_network(path.parent)
        self._pid = os.getpid()
        self.write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._closed = False
        self.journal = "wal"
        _prepare(path)
        self._writer = self._open_first()
        self._reader = self.connect()

    def connect(self) -> sqlite3.Connection:
        """Open one more connection; the caller closes it."""
        with self._translated():
            connection = self._open_file()
            try:
                self._configure(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Run a write transaction: committed whole at the end, or not at all."""
        with self.write_lock, self._translated():
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk has rolled back already
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Read one consistent state of the file."""
        with self._read_lock, self._translated():
            connection = self._reader
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections; harmless the second time."""
        with self.write_lock, self._read_lock:
            if self._closed:
                return
            self._closed = True
            if os.getpid() == self._pid:
                self._reader.close()
                self._writer.close()

    def _open_file(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )

    def _open_first(self) -> sqlite3.Connection:
        try:
            connection = self.connect_raw()
        except sqlite3.Error as error:
            if is_corrupt(error):
                raise keep_aside(self.path, error) from error
            raise translate(error, self.path) from error
        with suppress(OSError):  # not ours: then its owner has chosen its mode
            for end in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + end).chmod(0o600)
        return connection

    def connect_raw(self) -> sqlite3.Connection:
        """Open and check the file, bring it up to date; SQLite's own errors come out."""
        connection = self._open_file()
        try:
            # Reads the header and the schema, so damage there shows before anything is written.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._check_if_marked(connection)
            self._choose_journal(connection)
            self._configure(connection)
            migrate(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_if_marked(self, connection: sqlite3.Connection) -> None:
        mark = damage_mark(self.path)
        if not mark.exists():
            return
        verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"database disk image is malformed: {verdict}")
        mark.unlink(missing_ok=True)

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        wanted = "DELETE" if self._network else "WAL"
        row = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        self.journal = str(row[0]).lower()
        if self.journal != "wal":
            _warn_once(self.path, self._network)

    def _configure(self, connection: sqlite3.Connection) -> None:
        # WAL + NORMAL survives kill -9 of any process whole: a commit is in the system's
        # hands when it returns (S1). A power cut may lose the last moments but damages
        # nothing, and a checkpoint of a streaming answer costs no fsync. A rollback
        # journal needs FULL for the same promise.
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if self.journal == 'wal' else 'FULL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = FAST")
        # Of KiB, used where needed: a transaction of an import doesn't fit into the default.
        connection.execute("PRAGMA cache_size = -8192")

    @contextmanager
    def _translated(self) -> Generator[None, None, None]:
        if self._closed or os.getpid() != self._pid:
            raise StoreUnavailable(
                f"The store {self.path} is closed.",
                "ipyclaude was unloaded." if self._closed else "This process was forked.",
                "Run `%load_ext ipyclaude` again."
                if self._closed
                else "Open the store anew in the child process.",
            )
        try:
            yield
        except sqlite3.Error as error:
            if is_corrupt(error):
                with suppress(OSError):  # a full or read-only disk: the message still says it
                    damage_mark(self.path).touch()
            raise translate(error, self.path) from error


_warned: set[Path] = set()


def _warn_once(path: Path, network: bool) -> None:
    if path in _warned:
        return
    _warned.add(path)
    why = "is on a network disk" if network else "is on a disk without shared memory"
    warnings.warn(
        f"The store {path} {why}, so it uses SQLite's slower rollback journal. All is saved"
        " as ever; two notebooks that write at once may wait for each other.",
        JournalWarning,
        stacklevel=2,
    )


def _prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600), so that no other user can ever look in."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            raise StoreUnavailable(
                f"The store {path} is a folder.",
                "A file is needed there.",
                "Choose another file in the settings, or move the folder away.",
            )
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise from_os(error, path) from error
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise read_only(path, "permission denied")
