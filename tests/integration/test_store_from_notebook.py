"""A store that cannot be used, as a person meets it in a notebook: one message, nothing lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hosts import Notebook, Shown
from kernels import Kernel, Place

from ipyclaude.store.migrations import MIGRATIONS
from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]
#: Milliseconds of a kernel's patience with a lock, which else are ten seconds.
_IMPATIENT = """
from ipyclaude.store.sqlite import SqliteStore
SqliteStore.__init__.__kwdefaults__["busy_timeout"] = 0.2
"""


def told_once(shown: Shown, what: str) -> None:
    """Check that a cell failed with one message of ours, which says what to do."""
    assert shown.status == "error"
    assert shown.traceback.count(what) == 1
    assert "Traceback" not in shown.traceback
    assert "Do:" in shown.traceback
    assert what not in shown.mime("text/plain")


def test_a_newer_store_is_left_alone(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """What another version has made is neither used nor changed (S14)."""
    first = Notebook(start(place, model))
    model.script("Kept.")
    first.run("%claude remember this")
    first.run("%unload_ext ipyclaude")
    with closing(sqlite3.connect(place.store_file)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = place.store_file.read_bytes()
    nb = Notebook(start(place, model))
    for line in ("%claude hello", "%claude_session list", "%claude_session new other"):
        told_once(nb.run(line), "was written by a newer")
    assert place.store_file.read_bytes() == before
    assert len(model.requests) == 1
    with closing(sqlite3.connect(place.store_file)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    assert "remember this" in nb.run("%claude_session show last").text


def test_a_locked_store_is_said_and_then_used(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Nothing is asked that could not be kept; once the lock is gone the cell works (S1)."""
    nb = Notebook(start(place, model))
    nb.run(_IMPATIENT)
    nb.run("%claude_session new mine")
    with closing(sqlite3.connect(place.store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told_once(nb.run("%claude hello"), "stayed locked by another process")
        told_once(nb.run("%claude_session rename yours"), "stayed locked by another process")
        assert "mine" in nb.run("%claude_session list").text
        other.execute("ROLLBACK")
    assert model.requests == []
    model.script("Here I am.")
    assert "Here I am." in nb.run("%claude hello").text


@pytest.fixture
def tiny_disk(place: Place) -> Iterator[Place]:
    """A place whose store has a disk of 4 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a disk to fill")
    disk = str(place.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    yield place
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_said_and_what_was_saved_is_whole(
    start: StartKernel, tiny_disk: Place, model: ScriptedModel
) -> None:
    """The turn that does not fit fails with one message; what came before is there, and after."""
    nb = Notebook(start(tiny_disk, model))
    model.script("First.")
    nb.run("%claude one")
    filler = tiny_disk.data / "filler"
    room = os.statvfs(tiny_disk.data)
    filler.write_bytes(b"x" * (room.f_bavail * room.f_bsize - 64 * 1024))
    told_once(nb.run(f"%claude two {os.urandom(200_000).hex()}"), "The disk is full")
    assert "First." in nb.run("%claude_session show -n 9").text
    filler.unlink()
    model.script("Third.")
    assert "Third." in nb.run("%claude three").text
    with closing(sqlite3.connect(tiny_disk.store_file)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
