"""Stores what an import has read: several sessions in one transaction, each of them whole."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .messages import Value
from .store import _imports
from .store._chunks import Key, Line, Packed, pack
from .store._imports import Mark
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore

#: Bytes read after which they are stored: a transaction costs far more than a line does.
_ENOUGH = 16 << 20


@dataclass(frozen=True)
class Piece:
    """What was read of one file, and how far that goes."""

    key: Key
    lines: Sequence[Line]
    entries: Sequence[dict[str, Any]]
    mark: Mark


@dataclass(frozen=True)
class Portion:
    """What was read of one session, to be stored together."""

    claude_id: str
    values: Sequence[Value]
    pieces: Sequence[Piece]


class Writer:
    """Takes portions in, and stores them when they are many. A context: leaving it stores all."""

    def __init__(self, store: SqliteStore, transcripts: TranscriptStore) -> None:
        self._store, self._transcripts = store, transcripts
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ipyclaude-import")
        self._waiting = list[tuple[Portion, list[Future[list[Packed]]]]]()
        self._size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.store()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, portion: Portion) -> None:
        """Take a portion in."""
        # Compressing needs neither a lock of ours nor Python's: it goes on beside the reading.
        texts = [[line.text for line in piece.lines] for piece in portion.pieces]
        self._waiting.append((portion, [self._pool.submit(pack, part) for part in texts]))
        self._size += sum(len(text) for part in texts for text in part)
        if self._size >= _ENOUGH:
            self.store()

    def settle(self, claude_id: str) -> None:
        """Have stored what was read of this session."""
        if any(portion.claude_id == claude_id for portion, _ in self._waiting):
            self.store()

    def store(self) -> None:
        """Store all that waits, in one transaction."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        with self._store.batch() as batch:
            batch.put([value for portion, _ in waiting for value in portion.values])
            for portion, packed in waiting:
                for piece, chunks in zip(portion.pieces, packed, strict=True):
                    if piece.lines:
                        self._transcripts.append_in(
                            batch, piece.key, piece.lines, piece.entries, chunks.result
                        )
                    _imports.write(batch.db, piece.mark)
