"""SQL of transcripts: the chunks into which `_lines.py` packs the CLI's own JSONL lines."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import NAMESPACE_OID, uuid5

from ..messages import new_id, now_ms
from . import _outbox
from ._lines import Chunk, Entry, Key, Line, Packed, entries
from ._rows import insert_many
from ._values import safe
from ._writes import Batch

_VARIABLES = 500
_INTO_UUIDS = "INSERT INTO transcript_uuids"
_INTO_CHUNKS = "INSERT INTO transcript_chunks (chunk_id, transcript, count, data)"


class Place(NamedTuple):
    """A transcript's row, and the replicated session that it is of, if any."""

    transcript: int
    owner: str | None


def home(db: sqlite3.Connection, key: Key) -> str | None:
    """Return the project key under which this session is known to be kept, if it was settled."""
    row = db.execute(
        "SELECT home FROM transcript_homes WHERE session_id = ? AND project_key = ?",
        (safe(key.session_id), safe(key.project_key)),
    ).fetchone()
    return str(row[0]) if row else None


def find(db: sqlite3.Connection, key: Key, project: str) -> int | None:
    """Return the transcript's row, exactly as keyed."""
    row = db.execute(
        "SELECT id FROM transcripts WHERE session_id = ? AND project_key = ? AND subpath = ?",
        (safe(key.session_id), project, safe(key.subpath)),
    ).fetchone()
    return int(row[0]) if row else None


def elsewhere(db: sqlite3.Connection, key: Key) -> str | None:
    """Return the project under which another folder or server keeps this session, if any."""
    row = db.execute(
        "SELECT project_key FROM transcripts WHERE session_id = ? AND subpath = ''"
        " ORDER BY mtime DESC LIMIT 1",
        (safe(key.session_id),),
    ).fetchone()
    return str(row[0]) if row else None


def adopt(db: sqlite3.Connection, key: Key, project: str) -> None:
    """Let the session go on where it began, although it is now used from another folder.

    Without this the entries of the next turn would make a second transcript under the new
    folder's key, and the one after would be loaded without its beginning.
    """
    db.execute(
        "INSERT OR REPLACE INTO transcript_homes VALUES (?, ?, ?)",
        (safe(key.session_id), safe(key.project_key), project),
    )


def continues(db: sqlite3.Connection, key: Key, parents: Sequence[str]) -> str | None:
    """Return the project whose transcript of this session holds one of these entries."""
    if elsewhere(db, key) is None:
        return None
    part = [safe(parent) for parent in parents[:_VARIABLES]]
    marks = ",".join("?" * len(part))
    row = db.execute(
        "SELECT t.project_key FROM transcripts t JOIN transcript_uuids u"  # noqa: S608 - only marks
        f" ON u.transcript = t.id WHERE t.session_id = ? AND u.uuid IN ({marks}) LIMIT 1",
        (safe(key.session_id), *part),
    ).fetchone()
    return str(row[0]) if row else None


def begin(
    batch: Batch, key: Key, project: str, lines: Sequence[Line]
) -> tuple[Place, Sequence[int]]:
    """Find or make the transcript; return its place, and which lines aren't there yet.

    Their uuids are noted now or when the batch is flushed; `write` stores what they say.
    """
    db = batch.db
    transcript = find(db, key, project)
    if transcript is None:
        transcript, known = _make(db, key, project), set[str]()
    else:
        known = _known(db, transcript, [line.uuid for line in lines if line.uuid])
    new, uuids = list[int](), list[tuple[object, ...]]()
    for number, line in enumerate(lines):
        if line.uuid is None:
            new.append(number)
        elif line.uuid not in known:
            known.add(line.uuid)
            new.append(number)
            uuids.append((transcript, safe(line.uuid)))
    batch.later(_INTO_UUIDS, uuids)
    # A transcript that no session knows yet is announced when one does (`Batch.put`).
    return Place(transcript, batch.owner_of(safe(key.session_id))), new


def write(batch: Batch, parts: Iterable[tuple[Place, Iterable[Packed]]]) -> None:
    """Store chunks at the end of their transcripts."""
    rows = list[tuple[object, ...]]()
    for place, packed in parts:
        for count, data in packed:
            chunk_id = new_id()
            rows.append((chunk_id, place.transcript, count, data))
            if place.owner:
                _outbox.enqueue(batch.db, "transcript", chunk_id, place.owner, batch.step())
    insert_many(batch.db, _INTO_CHUNKS, rows)


def touch(db: sqlite3.Connection, transcript: int, summary: str | None) -> None:
    """Stamp the transcript with the time of storing, and its summary where given."""
    db.execute(
        "UPDATE transcripts SET mtime = max(mtime + 1, ?), summary = coalesce(?, summary)"
        " WHERE id = ?",
        (int(now_ms()), summary, transcript),
    )


def load(db: sqlite3.Connection, transcript: int) -> list[bytes]:
    """Return all chunks of a transcript, in order."""
    rows = db.execute(
        "SELECT data FROM transcript_chunks WHERE transcript = ? ORDER BY pos", (transcript,)
    )
    return [row[0] for row in rows]


def summary(db: sqlite3.Connection, transcript: int | None) -> str | None:
    """Return the stored summary of a transcript; None if it has none (yet)."""
    row = db.execute("SELECT summary FROM transcripts WHERE id = ?", (transcript,)).fetchone()
    return row[0] if row else None


def summarised(db: sqlite3.Connection, transcript: int, summary: str) -> None:
    """Keep a summary that was made later than what it sums up."""
    db.execute("UPDATE transcripts SET summary = ? WHERE id = ?", (summary, transcript))


def count(db: sqlite3.Connection, transcript: int) -> int:
    """Return how many entries a transcript has."""
    row = db.execute(
        "SELECT coalesce(sum(count), 0) FROM transcript_chunks WHERE transcript = ?", (transcript,)
    ).fetchone()
    return int(row[0])


def listing(db: sqlite3.Connection, project: str) -> list[tuple[str, int, str | None]]:
    """Return (session id, mtime, summary) of a project, with what it goes on from elsewhere."""
    rows = db.execute(
        "SELECT session_id, mtime, summary FROM transcripts WHERE project_key = ? AND subpath = ''"
        " UNION SELECT t.session_id, t.mtime, t.summary FROM transcript_homes h"
        " JOIN transcripts t ON t.session_id = h.session_id AND t.project_key = h.home"
        " AND t.subpath = '' WHERE h.project_key = ?",
        (safe(project), safe(project)),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def subkeys(db: sqlite3.Connection, key: Key, project: str) -> list[str]:
    """Return the subpaths of a session."""
    rows = db.execute(
        "SELECT subpath FROM transcripts WHERE session_id = ? AND project_key = ?"
        " AND subpath <> '' ORDER BY subpath",
        (safe(key.session_id), project),
    )
    return [row[0] for row in rows]


def delete(batch: Batch, key: Key, project: str) -> None:
    """Delete a transcript; a session's own takes those of its subagents with it."""
    session, subpath = safe(key.session_id), safe(key.subpath)
    _announce_deletion(batch, Key(project, session, subpath))
    only = "" if not subpath else " AND subpath = ?"
    batch.db.execute(
        f"DELETE FROM transcripts WHERE session_id = ? AND project_key = ?{only}",  # noqa: S608 - fixed texts
        (session, project, *([subpath] if subpath else [])),
    )
    if not subpath:
        batch.db.execute(
            "DELETE FROM transcript_homes WHERE session_id = ? AND home = ?", (session, project)
        )
        # Deleted here is deleted, although another folder may have one of the same id.
        adopt(batch.db, key, safe(key.project_key))


def _announce_deletion(batch: Batch, key: Key) -> None:
    only = " AND t.subpath = ?" if key.subpath else ""
    batch.db.execute(
        "DELETE FROM outbox WHERE kind = 'transcript' AND client_id IN (SELECT c.chunk_id FROM"  # noqa: S608 - fixed texts
        " transcript_chunks c JOIN transcripts t ON t.id = c.transcript"
        f" WHERE t.session_id = ? AND t.project_key = ?{only})",
        (key.session_id, key.project_key, *([key.subpath] if key.subpath else [])),
    )
    owner = batch.owner_of(key.session_id)
    if owner:
        _outbox.enqueue(batch.db, "transcript", key.text, owner, batch.step(), "delete")


def read(db: sqlite3.Connection, chunk_id: str) -> Chunk | None:
    """Return a chunk with its transcript's key and summary, None if it is gone."""
    row = db.execute(
        "SELECT t.project_key, t.session_id, t.subpath, c.chunk_id, c.count, c.data, t.summary"
        " FROM transcript_chunks c JOIN transcripts t ON t.id = c.transcript"
        " WHERE c.chunk_id = ?",
        (chunk_id,),
    ).fetchone()
    return Chunk(Key(*row[:3]), *row[3:]) if row else None


def remote_seq(db: sqlite3.Connection, key: Key) -> int:
    """Return up to which of the server's chunks a transcript is here."""
    row = db.execute(
        "SELECT remote_seq FROM transcripts"
        " WHERE session_id = ? AND project_key = ? AND subpath = ?",
        (key.session_id, key.project_key, key.subpath),
    ).fetchone()
    return int(row[0]) if row else 0


def numbered(db: sqlite3.Connection, chunk_id: str, seq: int) -> None:
    """Note the order that a chunk got, if all before it are here: it is not read again."""
    db.execute(
        "UPDATE transcripts SET remote_seq = ? WHERE remote_seq = ? - 1"
        " AND id = (SELECT transcript FROM transcript_chunks WHERE chunk_id = ?)",
        (seq, seq, chunk_id),
    )


def merge(
    batch: Batch,
    key: Key,
    chunks: Sequence[Chunk],
    fold: Callable[[str | None, Key, list[Entry]], str],
) -> int:
    """Append chunks of the server that are not here; return how many those were."""
    db = batch.db
    transcript = find(db, key, key.project_key)
    if transcript is None:
        transcript = _make(db, key, key.project_key)
    before = summary(db, transcript)
    foldable = not key.subpath and (before is not None or count(db, transcript) == 0)
    new = list[Entry]()
    added = 0
    for chunk in chunks:
        home = _home_of(db, chunk.chunk_id)
        # Ids are their makers' to choose: none of another session's keeps one of this away.
        if home not in (None, safe(key.session_id)):
            apart = str(uuid5(NAMESPACE_OID, f"{key.text} {chunk.chunk_id}"))
            chunk, home = replace(chunk, chunk_id=apart), _home_of(db, apart)
        if home is None:
            new.extend(_take_in(db, transcript, chunk))
            added += 1
        db.execute(
            "UPDATE transcripts SET remote_seq = max(remote_seq, ?) WHERE id = ?",
            (chunk.seq, transcript),
        )
    told = fold(before, key, new) if new and foldable else None
    if added:
        touch(db, transcript, told)
    return added


def _home_of(db: sqlite3.Connection, chunk_id: str) -> str | None:
    """Return which of the CLI's sessions a chunk is of, if it is here."""
    found = "SELECT session_id FROM transcripts t JOIN transcript_chunks c ON t.id = c.transcript"
    row = db.execute(f"{found} WHERE c.chunk_id = ?", (chunk_id,)).fetchone()
    return row[0] if row else None


def _take_in(db: sqlite3.Connection, transcript: int, chunk: Chunk) -> list[Entry]:
    db.execute(
        "INSERT INTO transcript_chunks (chunk_id, transcript, count, data) VALUES (?, ?, ?, ?)",
        (chunk.chunk_id, transcript, chunk.count, chunk.data),
    )
    found = entries([chunk.data])
    db.executemany(
        "INSERT OR IGNORE INTO transcript_uuids VALUES (?, ?)",
        [(transcript, safe(u)) for entry in found if isinstance(u := entry.get("uuid"), str)],
    )
    return found


def _make(db: sqlite3.Connection, key: Key, project: str) -> int:
    cursor = db.execute(
        "INSERT INTO transcripts (session_id, project_key, subpath, mtime) VALUES (?, ?, ?, 0)",
        (safe(key.session_id), project, safe(key.subpath)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _known(db: sqlite3.Connection, transcript: int, uuids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(uuids), _VARIABLES):
        part = [safe(uuid) for uuid in uuids[start : start + _VARIABLES]]
        marks = ",".join("?" * len(part))
        rows = db.execute(
            f"SELECT uuid FROM transcript_uuids WHERE transcript = ? AND uuid IN ({marks})",  # noqa: S608 - only marks
            (transcript, *part),
        )
        found.update(row[0] for row in rows)
    return found
