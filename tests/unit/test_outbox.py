"""What waits to be sent: its order, what is parked, chunks of transcripts, and one sender."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from claude_agent_sdk import fold_session_summary
from replicating import message, texts

from ipyclaude.messages import SessionInfo, now_ms
from ipyclaude.store.replication import Chunk, Key, Replication
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore


def test_parcels_in_order(store: SqliteStore, replication: Replication, info: SessionInfo) -> None:
    """A session's rows go in the order of writing, as they now are, within a size."""
    rows = [message(info, "x" * 1000) for _ in range(5)]
    store.put(info, *rows)
    store.put(info.model_copy(update={"title": "new"}))
    parcels = replication.parcels(limit=4, size=1 << 20)
    values = [p.value for p in parcels]
    assert isinstance(values[0], SessionInfo)
    assert values[0].title == "new"
    assert values[1:] == rows[:3]
    assert len(replication.parcels(limit=9, size=2500)) == 2
    assert len(replication.parcels(limit=9, size=1)) == 1


def test_the_newest_session_first(store: SqliteStore, replication: Replication) -> None:
    """A turn of now does not wait behind an import; what must wait is skipped."""
    infos = [SessionInfo(name=name, cwd="") for name in "abc"]
    store.put(*infos)

    def first(skip: Sequence[str] = ()) -> str:
        parcels = replication.parcels(limit=9, size=1 << 20, skip=skip)
        return parcels[0].row.session_id if parcels else ""

    assert first() == infos[2].client_id
    store.put(message(infos[0]))
    assert first() == infos[0].client_id
    assert first([infos[0].client_id]) == infos[2].client_id
    assert first([i.client_id for i in infos]) == ""


def test_parked_until_somebody_acts(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """What the server refuses is kept with its reason, and is retried or dropped when told."""
    store.put(info, message(info))
    waiting = replication.waiting()
    assert (waiting.rows, waiting.parked) == (2, 0)
    assert waiting.since is not None
    rows = [p.row for p in replication.parcels(limit=9, size=1 << 20)]
    replication.postpone(rows[:1], "no network")
    replication.postpone(rows[1:], "too large", park=True)
    assert [(r.attempts, r.last_error) for r in store.outbox()] == [(1, "no network")]
    assert [r.parked for r in replication.parked()] == ["too large"]
    assert replication.waiting(info.client_id).parked == 1
    assert replication.waiting("other").parked == 0
    assert replication.retry(info.client_id) == 1
    assert replication.waiting().rows == 2
    replication.postpone(rows[1:], "too large", park=True)
    assert replication.drop() == 1
    assert replication.waiting().parked == 0
    assert len(texts(store, info)) == 1


def test_kinds_that_stay_here(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """Transcripts that must not leave the machine are neither sent nor counted, nor lost."""
    store.put(info)
    TranscriptStore(store, fold=fold_session_summary).append_now(
        {"project_key": "p", "session_id": "c"}, [{"type": "user", "uuid": "1"}]
    )
    kept = {"limit": 9, "size": 1 << 20, "without": ["transcript"]}
    assert [p.row.kind for p in replication.parcels(**kept)] == ["session"]  # pyright: ignore[reportArgumentType]
    assert replication.waiting(without=["transcript"]).rows == 1
    assert replication.waiting().rows == 2
    memory = [p.row for p in replication.parcels(limit=9, size=1 << 20)][1:]
    replication.postpone(memory, "refused before it was to stay", park=True)
    assert replication.parked(without=["transcript"]) == []
    assert replication.parked() != []


def test_chunks_go_and_come(tmp_path: Path, store: SqliteStore, info: SessionInfo) -> None:
    """A transcript sent chunk by chunk is the same on another machine, and is not read twice."""
    here, sent = Replication(store), TranscriptStore(store, fold=fold_session_summary)
    key: Any = {"project_key": "-home-ada", "session_id": "c"}
    store.put(info)
    for n in range(3):
        entry: Any = {"type": "user", "uuid": str(n), "$schema": "\ud800"}
        sent.append_now(key, [entry])
    values = [p.value for p in here.parcels(limit=9, size=1 << 20)]
    chunks = [v for v in values if isinstance(v, Chunk)]
    assert [c.count for c in chunks] == [1, 1, 1]
    other = SqliteStore(tmp_path / "other.db")
    there, got = Replication(other), TranscriptStore(other, fold=fold_session_summary)
    numbered = [Chunk(c.key, c.chunk_id, c.count, c.data, None, n) for n, c in enumerate(chunks, 1)]
    # Somebody who saw the ids used one of them before, in a session of theirs.
    theirs = replace(numbered[1], key=Key("-home-bo", "b"), seq=1)
    assert there.merge_chunks(theirs.key, [theirs], got.fold) == 1
    assert there.merge_chunks(chunks[0].key, numbered, got.fold) == 3
    assert there.merge_chunks(chunks[0].key, numbered, got.fold) == 0
    assert there.chunk_seq(chunks[0].key) == 3
    elsewhere: Any = {"project_key": "-srv-bob", "session_id": "c"}
    assert got.load_now(elsewhere) == sent.load_now(key)
    got.append_now(elsewhere, [{"type": "user", "uuid": "0"}, {"type": "user", "uuid": "9"}])  # pyright: ignore[reportArgumentType]
    assert len(got.load_now(elsewhere) or []) == 4
    other.close()


def test_own_chunks_are_not_read_again(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """The order that own chunks got moves the cursor, unless others' came between."""
    transcripts = TranscriptStore(store, fold=fold_session_summary)
    store.put(info)
    for n in range(2):
        transcripts.append_now(
            {"project_key": "p", "session_id": "c"}, [{"type": "user", "uuid": str(n)}]
        )
    parcels = replication.parcels(limit=9, size=1 << 20)
    chunks = [p.value.chunk_id for p in parcels if isinstance(p.value, Chunk)]
    replication.acknowledge([], chunks={chunks[0]: 1, chunks[1]: 3})
    assert replication.chunk_seq(Key("p", "c")) == 1


def test_deleting_a_transcript_is_announced(
    store: SqliteStore, replication: Replication, info: SessionInfo
) -> None:
    """The deletion of a transcript takes the place of what it had to send."""
    store.put(info)
    transcripts = TranscriptStore(store, fold=fold_session_summary)
    key: Any = {"project_key": "p", "session_id": "c"}
    transcripts.append_now(key, [{"type": "user", "uuid": "1"}])
    sub: Any = {**key, "subpath": "sub/1"}
    transcripts.append_now(sub, [{"type": "user", "uuid": "2"}])
    replication.acknowledge([replication.parcels(limit=1, size=1)[0].row])
    asyncio.run(transcripts.delete(sub))
    values = [p.value for p in replication.parcels(limit=9, size=1 << 20)]
    assert [type(v) for v in values] == [Chunk, Key]
    assert values[1] == Key("p", "c", "sub/1")
    asyncio.run(transcripts.delete(key))
    values = [p.value for p in replication.parcels(limit=9, size=1 << 20)]
    assert values == [Key("p", "c", "sub/1"), Key("p", "c")]


def test_one_sender(store: SqliteStore, replication: Replication) -> None:
    """One kernel sends for all: until it stops, dies or is not heard of any more."""
    later = now_ms() + 60_000
    assert replication.drain("a", later)
    assert replication.drain("a", later)
    assert not replication.drain("b", later)
    assert not replication.drain("b", None)
    assert replication.drain("b", later, dead=lambda who: who == "a")
    replication.drain("b", None)
    assert replication.drain("a", now_ms() - 1)
    assert replication.drain("b", later)


def test_ten_thousand_rows(store: SqliteStore, replication: Replication) -> None:
    """Sending a long local session enqueues all of it in order, and it drains in that order."""
    info = SessionInfo(name="n", cwd="", local=True, claude_session_id="c")
    rows = [message(info, f"message {n} " * 20) for n in range(10_000)]
    store.put(info, *rows)
    TranscriptStore(store, fold=fold_session_summary).append_now(
        {"project_key": "p", "session_id": "c"}, [{"type": "user", "uuid": "1"}]
    )
    store.put(info.model_copy(update={"local": False}))
    assert replication.waiting().rows == 10_002
    seen: list[object] = []
    while parcels := replication.parcels(limit=500, size=1 << 22):
        seen.extend(p.value for p in parcels)
        ids = [p.row.client_id for p in parcels if p.row.kind == "message"]
        seqs = {mid: len(seen) + n for n, mid in enumerate(ids)}
        replication.acknowledge([p.row for p in parcels], seqs=seqs)
    assert isinstance(seen[0], SessionInfo)
    assert seen[1:-1] == rows
    assert isinstance(seen[-1], Chunk)
