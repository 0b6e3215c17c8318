"""Claude's own memory: the SDK's contracts, and sessions that move."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import fold_session_summary
from claude_agent_sdk.testing import run_session_store_conformance

from ipyclaude.journal import notice_message
from ipyclaude.messages import SessionInfo
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore
from ipyclaude.turn import forked_notice

METHODS = ("append", "load", "list_sessions", "list_session_summaries", "delete", "list_subkeys")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give an empty store."""
    store = SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def transcripts(store: SqliteStore) -> TranscriptStore:
    """Give its transcripts."""
    return TranscriptStore(store, fold=fold_session_summary)


def entry(uuid: str | None, **more: Any) -> Any:
    """Make a transcript entry."""
    return {"type": "user", **({"uuid": uuid} if uuid else {}), **more}


def key(project: str, session: str = "s", subpath: str = "") -> Any:
    """Make a session key."""
    keyed = {"project_key": project, "session_id": session}
    return {**keyed, "subpath": subpath} if subpath else keyed


def test_sdk_conformance(tmp_path: Path) -> None:
    """All 14 contracts of the SDK hold, none skipped."""
    opened: list[SqliteStore] = []
    numbers = itertools.count()

    def make() -> TranscriptStore:
        opened.append(SqliteStore(tmp_path / f"{next(numbers)}.db"))
        return TranscriptStore(opened[-1], fold=fold_session_summary)

    assert all(method in vars(TranscriptStore) for method in METHODS)
    asyncio.run(run_session_store_conformance(make))
    assert len(opened) == 15
    for store in opened:
        store.close()


def test_moves_between_folders(transcripts: TranscriptStore) -> None:
    """A session resumed from another folder is found by its id, and goes on as one."""

    async def scene() -> None:
        await transcripts.append(key("-home-ada"), [entry("1"), entry("2")])
        await transcripts.append(key("-home-ada", subpath="subagents/agent-1"), [entry("x")])
        assert await transcripts.load(key("-srv-bob")) == [entry("1"), entry("2")]
        assert await transcripts.list_subkeys(key("-srv-bob")) == ["subagents/agent-1"]
        assert await transcripts.load(key("-srv-bob", subpath="subagents/agent-1")) == [entry("x")]
        await transcripts.append(key("-srv-bob"), [entry(None, type="mode")])
        await transcripts.append(key("-srv-bob"), [entry("3", parentUuid="2")])
        await transcripts.append(key("-srv-bob", subpath="subagents/agent-2"), [entry("y")])
        whole = [entry("1"), entry("2"), entry(None, type="mode"), entry("3", parentUuid="2")]
        for project in ("-home-ada", "-srv-bob", "-third"):
            assert await transcripts.load(key(project)) == whole
            assert len(await transcripts.list_subkeys(key(project))) == 2
        assert [s["session_id"] for s in await transcripts.list_sessions("-srv-bob")] == ["s"]

    asyncio.run(scene())


def test_continues_without_load(transcripts: TranscriptStore) -> None:
    """An entry that follows one of another folder's transcript is appended there."""

    async def scene() -> None:
        await transcripts.append(key("a"), [entry("1")])
        await transcripts.append(key("b"), [entry("2", parentUuid="1")])
        assert await transcripts.load(key("b")) == [entry("1"), entry("2", parentUuid="1")]

    asyncio.run(scene())


def test_retry_leaves_one(transcripts: TranscriptStore) -> None:
    """A retried batch, or one that overlaps, leaves each entry once, in order (S2)."""

    async def scene() -> None:
        await transcripts.append(key("a"), [entry("1"), entry("2")])
        await transcripts.append(key("a"), [entry("1"), entry("2"), entry("3"), entry("3")])
        assert await transcripts.load(key("a")) == [entry("1"), entry("2"), entry("3")]

    asyncio.run(scene())


def test_entries_come_back_equal(transcripts: TranscriptStore) -> None:
    """Lone surrogates, NUL, newlines, `$` keys and int64 come back equal (S7)."""
    odd = entry(
        "1", text="\ud800 \0 \n \r \u2028 \U0001f600", **{"$schema": [2**63 - 1, None, 0.1]}
    )
    asyncio.run(transcripts.append(key("a"), [odd]))
    assert asyncio.run(transcripts.load(key("a"))) == [odd]


def test_order_of_calls(transcripts: TranscriptStore) -> None:
    """Appends that are under way at once land in the order of their calls."""

    async def scene() -> None:
        calls = [transcripts.append(key("a"), [entry(None, n=n)]) for n in range(50)]
        await asyncio.gather(*calls)
        loaded: Any = await transcripts.load(key("a"))
        assert [e["n"] for e in loaded] == list(range(50))

    asyncio.run(scene())


def test_large_transcript(transcripts: TranscriptStore) -> None:
    """A transcript of 50 MB comes back whole."""
    entries = [entry(str(n), text=f"line {n} " * 1250) for n in range(4000)]
    for start in range(0, len(entries), 500):
        transcripts.append_now(key("a"), entries[start : start + 500])
    assert transcripts.load_now(key("a")) == entries


def test_outbox(store: SqliteStore, transcripts: TranscriptStore) -> None:
    """Chunks are announced once a session that replicates knows them; a local one's never."""
    for name, local in (("here", True), ("there", False)):
        transcripts.append_now(key("a", name), [entry("1")])
        assert [r for r in store.outbox() if r.kind == "transcript"] == []
        info = SessionInfo(name=name, cwd="", claude_session_id=name, local=local)
        store.put(info)
        transcripts.append_now(key("a", name), [entry("2")])
    rows = [r for r in store.outbox() if r.kind == "transcript"]
    assert len({r.client_id for r in rows}) == 2
    here = store.session("here")
    assert here is not None
    store.put(here.model_copy(update={"local": False}))
    assert len([r for r in store.outbox() if r.kind == "transcript"]) == 4


def test_deleted_with_its_session(store: SqliteStore, transcripts: TranscriptStore) -> None:
    """Deleting a session deletes its transcripts, subagents' included."""
    info = SessionInfo(name="n", cwd="", claude_session_id="s")
    store.put(info)
    transcripts.append_now(key("a"), [entry("1")])
    transcripts.append_now(key("a", subpath="subagents/agent-1"), [entry("1")])
    assert transcripts.load_now(key("b")) is not None
    store.delete_session(info.client_id)
    assert transcripts.load_now(key("a")) is None
    assert transcripts.load_now(key("a", subpath="subagents/agent-1")) is None
    assert asyncio.run(transcripts.list_sessions("b")) == []


def test_memory_does_not_follow_a_turn_that_was_kept_apart(
    store: SqliteStore, transcripts: TranscriptStore
) -> None:
    """What was asked in it is left out with all that came of it; what others said stays (S4)."""
    info = SessionInfo(name="s", cwd="", claude_session_id="s")
    lines = [
        entry("first"),
        entry("answer", parentUuid="first"),
        entry("theirs", parentUuid="answer"),
        entry("ours", parentUuid="answer"),
        entry("said", parentUuid="ours"),
        entry(None, type="last-prompt", leafUuid="said"),
        entry("aside", parentUuid="said"),
    ]
    transcripts.append_now(key("p"), lines)
    notice = forked_notice("s", "s-fork")
    store.put(info, notice_message(notice, info.client_id, "other turn"))
    assert transcripts.load_now(key("p")) == lines
    store.put(notice_message(notice, info.client_id, "ours"))
    assert transcripts.load_now(key("p")) == lines[:3]


def test_a_memory_is_all_apart_once_each_of_its_turns_was(
    store: SqliteStore, transcripts: TranscriptStore
) -> None:
    """Nothing is left then that the CLI could go on from, until something is said anew (S4)."""
    info = SessionInfo(name="s", cwd="", claude_session_id="s")
    transcripts.append_now(key("p"), [entry(None, type="mode"), entry("ours")])
    store.put(info)
    assert not transcripts.all_apart("s")
    store.put(notice_message(forked_notice("s", "s-fork"), info.client_id, "ours"))
    assert transcripts.all_apart("s")
    transcripts.append_now(key("p"), [entry("theirs")])
    assert not transcripts.all_apart("s")
    assert not transcripts.all_apart("unknown")
