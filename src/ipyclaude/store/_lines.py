"""Transcripts as values: the CLI's own JSONL lines, and the compressed chunks they are kept as.

A chunk is zlib of JSON texts joined by newlines, so a line is never parsed to be stored nor
written anew (entries hold keys and numbers that other encodings would change). Level 1: the
lines repeat themselves so much that a higher one costs time and wins little.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..jsonl import entries_of

Entry = dict[str, Any]
#: A chunk as it is stored: how many entries, and their compressed texts.
Packed = tuple[int, bytes]
LEVEL = 1
#: Entries before compression that go into one chunk, in bytes: far below Convex's 1 MiB.
CHUNK = 512 * 1024


@dataclass(frozen=True)
class Key:
    """Which transcript: the session's own has subpath ``""``, a subagent's has its path."""

    project_key: str
    session_id: str
    subpath: str = ""

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read what `text` wrote."""
        return cls(*json.loads(text))

    @property
    def text(self) -> str:
        """The key as one text: what an outbox row that deletes a transcript goes by."""
        return json.dumps([self.project_key, self.session_id, self.subpath])


@dataclass(frozen=True)
class Chunk:
    """Some entries of a transcript on their way: `data` is zlib of JSON lines."""

    key: Key
    chunk_id: str
    count: int
    data: bytes
    summary: str | None = None
    #: The server's order; 0 until it has been replicated.
    seq: int = 0


class Line(NamedTuple):
    """One entry: its JSON text in UTF-8, its uuid and that of its parent where it has them."""

    text: bytes
    uuid: str | None = None
    parent: str | None = None


def line_of(entry: Mapping[str, Any], text: bytes | None = None) -> Line:
    """Return an entry as a line; `text` is what it was read from, if it was."""
    if text is None:
        text = json.dumps(entry, separators=(",", ":")).encode("ascii")
    uuid, parent = entry.get("uuid"), entry.get("parentUuid")
    return Line(
        text,
        uuid if isinstance(uuid, str) else None,
        parent if isinstance(parent, str) else None,
    )


def pack(texts: Iterable[bytes]) -> list[Packed]:
    """Compress entries into chunks; long, and on a thread of its own it holds nobody up."""
    parts = _cut(texts)
    return [(len(part), zlib.compress(b"\n".join(part), LEVEL)) for part in parts]


def entries(chunks: Iterable[bytes]) -> list[Entry]:
    """Read chunks; a line that can't be read (an import keeps what was never JSON) is left out."""
    return [entry for chunk in chunks for entry in entries_of(zlib.decompress(chunk))]


def _cut(texts: Iterable[bytes]) -> Iterable[list[bytes]]:
    part, size = list[bytes](), 0
    for text in texts:
        if part and size + len(text) > CHUNK:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part
