"""An import that is broken off, refused or repeated: nothing is lost, nothing written twice."""

from __future__ import annotations

import gc
import hashlib
import itertools
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from histories import Scene

from ipyclaude import history, history_writer
from ipyclaude.exceptions import StoreLocked
from ipyclaude.history import import_history
from ipyclaude.history_writer import undisturbed
from ipyclaude.store import _chunks, _imports


@pytest.mark.parametrize("stop", range(1, 6))
def test_interrupted(scene: Scene, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    """An import that is cut off goes on where it was; nothing is missing, nothing twice."""
    monkeypatch.setattr(history, "_BATCH_LINES", 2)
    entries = [line for n in range(6) for line in (scene.user(str(n)), {"type": "mode", "n": n})]
    scene.write(*entries)

    class PowerCutError(Exception):
        pass

    def cut(*_: object) -> None:
        nonlocal stop
        stop -= 1
        if not stop:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        import_history(scene.store, scene.transcripts, [scene.path], progress=cut)
    scene.run()
    assert [t for _, t in scene.shown()] == list("012345")
    assert scene.raw() == entries


def test_read_only(scene: Scene) -> None:
    """The history is not written, moved or deleted (S13)."""
    scene.write(scene.user("one"), "bad\n")
    before = _state(scene.config)
    scene.run()
    scene.run()
    assert _state(scene.config) == before


def _state(folder: Path) -> list[tuple[str, str, int]]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    return [
        (str(p), hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files
    ]


def test_a_session_that_is_just_being_stored_is_known(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second file of one session is read once the first is stored: it is skipped, as ever."""
    looked, session = threading.Event(), _imports.session

    def look(*args: Any) -> Any:
        found = session(*args)
        if args[1] == "claude_session_id" and scene.progress:  # it is the second file's turn
            looked.set()
        return found

    def write(*args: Any) -> None:
        looked.wait(0.5)
        store(*args)

    store = _chunks.write
    monkeypatch.setattr(_imports, "session", look)
    monkeypatch.setattr(history_writer, "write", write)
    monkeypatch.setattr(history_writer, "_ENOUGH", 1)
    scene.write(scene.user("one"))
    scene.write(scene.user("two"), path=scene.path.parent.parent / "-other" / scene.path.name)
    assert len(scene.run().skipped) == 1
    assert len(scene.store.sessions()) == 1


def test_progress(scene: Scene) -> None:
    """Progress grows to the total, in bytes."""
    scene.write(*(scene.user(str(n)) for n in range(4100)))
    scene.run()
    done = [done for done, _, _ in scene.progress]
    assert done == sorted(done)
    assert len(done) >= 3
    assert scene.progress[-1] == (scene.path.stat().st_size, scene.path.stat().st_size, scene.path)


def test_python_is_as_it_was(scene: Scene) -> None:
    """An import that is broken off gives back how Python collects and switches threads."""
    before = (gc.isenabled(), sys.getswitchinterval())
    inside: list[tuple[bool, float]] = []

    def stop(*_: object) -> None:
        inside.append((gc.isenabled(), sys.getswitchinterval()))
        raise KeyboardInterrupt

    scene.write(scene.user("one"))
    with pytest.raises(KeyboardInterrupt):
        import_history(scene.store, scene.transcripts, [scene.path], progress=stop)
    assert inside[0][0] is False
    assert inside[0][1] < before[1]
    assert (gc.isenabled(), sys.getswitchinterval()) == before


def test_python_is_as_it_was_after_the_last_of_two_imports() -> None:
    """Of two imports at once the one that began first may end first."""
    before = (gc.isenabled(), sys.getswitchinterval())
    first, second = undisturbed(), undisturbed()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.isenabled() is False
    assert sys.getswitchinterval() < before[1]
    second.__exit__(None, None, None)
    assert (gc.isenabled(), sys.getswitchinterval()) == before


@pytest.mark.parametrize("at", [1, 2])
def test_what_could_not_be_stored_is_told_and_comes_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """An import that the store refuses in the middle says so; the next one brings the rest."""
    monkeypatch.setattr(history, "_BATCH_LINES", 2)
    entries = [scene.user(str(number)) for number in range(6)]
    scene.write(*entries)
    batch, calls = scene.store.batch, itertools.count(1)

    @contextmanager
    def refusing(**how: bool) -> Generator[Any, None, None]:
        with batch(**how) as made:
            yield made
            if next(calls) == at:
                raise StoreLocked("The store is locked.")

    with monkeypatch.context() as patched:
        patched.setattr(scene.store, "batch", refusing)
        with pytest.raises(StoreLocked):
            scene.run()
    scene.run()
    assert [said for _, said in scene.shown()] == list("012345")
    assert scene.raw() == entries
