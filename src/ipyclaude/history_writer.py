"""Stores what an import has read: several sessions in one transaction, each of them whole.

What needs no Python goes on beside the reading, in threads: compressing, and committing.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from .messages import Value
from .store import _imports
from .store._chunks import Place, write
from .store._imports import Mark
from .store._lines import Key, Line, Packed, pack
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore

#: Bytes read after which they are stored, where nothing else is being stored, and else: a
#: transaction costs far more than a line does, and waiting for the one before costs most.
_ENOUGH, _MOST = 2 << 20, 8 << 20
_SWITCH_SECONDS = 1e-4
_lock = threading.Lock()
#: How Python collects and switches where no import runs, once for each that does.
_before = list[tuple[bool, float]]()


@contextmanager
def undisturbed() -> Generator[None, None, None]:
    """Keep Python's cycle collector out, and let threads take turns sooner.

    An import makes no cycles, and many objects: each collection would walk all that the
    kernel's user keeps in memory. The threads that compress and store need Python only for
    moments between, and would wait for each of them as long as a switch takes, 5 ms. All is as
    it was once the last of several imports is over.
    """
    with _lock:
        _before.append(_before[0] if _before else (gc.isenabled(), sys.getswitchinterval()))
        gc.disable()
        sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        with _lock:
            enabled, interval = _before.pop()
            if not _before:
                sys.setswitchinterval(interval)
                if enabled:
                    gc.enable()


@dataclass(frozen=True)
class Piece:
    """What was read of one file, and how far that goes."""

    key: Key
    lines: Sequence[Line]
    mark: Mark


@dataclass(frozen=True)
class Portion:
    """What was read of one session, to be stored together."""

    claude_id: str
    values: Sequence[Value]
    pieces: Sequence[Piece]
    #: In bytes, of the lines.
    size: int


class Writer:
    """Takes portions in, and stores them when they are many. A context: leaving it stores all."""

    def __init__(self, store: SqliteStore, transcripts: TranscriptStore) -> None:
        self._store, self._transcripts = store, transcripts
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="ipyclaude-pack")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="ipyclaude-keep")
        self._storing: Future[None] | None = None
        #: Claude's ids of the sessions that it stores.
        self._being_stored = frozenset[str]()
        self._waiting = list[Portion]()
        self._size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.store()
                self._stored()
        finally:
            self._packer.shutdown(cancel_futures=True)
            self._keeper.shutdown()

    def add(self, portion: Portion) -> None:
        """Take a portion in."""
        self._waiting.append(portion)
        self._size += portion.size
        idle = self._storing is None or self._storing.done()
        if self._size >= (_ENOUGH if idle else _MOST):
            self.store()

    def settle(self, claude_id: str) -> None:
        """Have stored what was read of this session."""
        if any(portion.claude_id == claude_id for portion in self._waiting):
            self.store()
        if claude_id in self._being_stored:
            self._stored()

    def store(self) -> None:
        """Store all that waits, in one transaction; its commit may go on when this returns."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        self._stored()
        if waiting:
            # Not while it is written: each row would wait for its turn with Python's lock.
            written = threading.Event()
            self._being_stored = frozenset(portion.claude_id for portion in waiting)
            packed = self._packer.submit(_pack, waiting)
            self._storing = self._keeper.submit(self._write, waiting, packed, written)
            self._storing.add_done_callback(lambda _: written.set())
            written.wait()

    def _stored(self) -> None:
        """Wait for the commit; raise if it failed."""
        storing, self._storing, self._being_stored = self._storing, None, frozenset[str]()
        if storing is not None:
            storing.result()

    def _write(
        self, waiting: list[Portion], packed: Future[list[list[Packed]]], written: threading.Event
    ) -> None:
        pieces = [piece for portion in waiting for piece in portion.pieces]
        with self._store.batch() as batch:
            batch.prepare([v for portion in waiting for v in portion.values])
            for piece in pieces:
                _imports.write(batch.db, piece.mark)
            pieces = [piece for piece in pieces if piece.lines]
            begun = [self._transcripts.append_later(batch, p.key, p.lines) for p in pieces]
            written.set()
            batch.flush()
            parts = list[tuple[Place, list[Packed]]]()
            for piece, (place, new), chunks in zip(pieces, begun, packed.result(), strict=True):
                some = len(new) < len(piece.lines)  # the others were there already
                parts.append((place, pack(piece.lines[n].text for n in new) if some else chunks))
            write(batch, parts)


def _pack(portions: Sequence[Portion]) -> list[list[Packed]]:
    """Compress the lines of each piece that has some."""
    pieces = [piece for portion in portions for piece in portion.pieces if piece.lines]
    return [pack([line.text for line in piece.lines]) for piece in pieces]
