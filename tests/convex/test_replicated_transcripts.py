"""The Convex-backed transcript store keeps the SDK's contracts, on machines that had nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from claude_agent_sdk import SessionKey, SessionStore
from claude_agent_sdk.testing import run_session_store_conformance
from convex_server import ConvexServer
from machines import Machine, running
from tokens import MakeToken

from ipyclaude.messages import SessionInfo, new_id
from ipyclaude.replica.transcripts import ReplicatedTranscripts

pytestmark = pytest.mark.asyncio


class Wandering:
    """A `SessionStore` that is another machine, with an empty store, at each call.

    Whatever a call sees, it has from the server; whatever it writes is there when it returns.
    From its first deletion on it stays: which of two transcripts of one id was deleted is known
    only where that was done.

    Parameters
    ----------
    make
        Makes a machine by its number.
    moves
        False stays on the first machine.
    """

    def __init__(self, make: Callable[[int], Machine], *, moves: bool) -> None:
        self._make, self._moves = make, moves
        self._number = 0
        self._machine: Machine | None = None
        self._sessions: dict[str, SessionInfo] = {}

    async def close(self) -> None:
        """Close the machine that it is."""
        if self._machine is not None:
            await self._machine.close()
            self._machine = None

    async def _call(self, method: str, key: Any, *more: Any) -> Any:
        if method == "delete":
            self._moves = False
        if self._moves:
            await self.close()
        if self._machine is None:
            self._number += 1
            self._machine = self._make(self._number)
            await self._machine.replica.start()
        machine = self._machine
        if isinstance(key, dict):
            await self._begin(machine, cast("SessionKey", key)["session_id"])
        result = await getattr(machine.transcripts, method)(key, *more)
        await machine.flushed()
        return result

    async def _begin(self, machine: Machine, claude_session_id: str) -> None:
        """Let the session exist that the transcript belongs to, as it does in a notebook."""
        known = self._sessions.get(claude_session_id)
        if known is None:
            known = SessionInfo(name="s", cwd="", claude_session_id=claude_session_id)
            self._sessions[claude_session_id] = known
            machine.store.put(known)
            await machine.flushed()
        await machine.until(lambda: machine.store.session(known.client_id))

    async def append(self, key: Any, entries: Any) -> None:
        """See `SessionStore`."""
        await self._call("append", key, entries)

    async def load(self, key: Any) -> Any:
        """See `SessionStore`."""
        return await self._call("load", key)

    async def list_sessions(self, project_key: str) -> Any:
        """See `SessionStore`."""
        return await self._call("list_sessions", project_key)

    async def list_session_summaries(self, project_key: str) -> Any:
        """See `SessionStore`."""
        return await self._call("list_session_summaries", project_key)

    async def delete(self, key: Any) -> None:
        """See `SessionStore`."""
        await self._call("delete", key)

    async def list_subkeys(self, key: Any) -> Any:
        """See `SessionStore`."""
        return await self._call("list_subkeys", key)


def _methods() -> list[str]:
    return [
        name for name, _ in inspect.getmembers(SessionStore, inspect.isfunction) if name[0] != "_"
    ]


@pytest.mark.parametrize("moves", [False, True])
async def test_all_contracts(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path, moves: bool
) -> None:
    """The SDK's 14 contracts hold, none skipped: on one machine, and on a new one at each call."""
    made: list[Wandering] = []

    def make() -> Any:
        token, folder = make_token(f"ada-{new_id()}"), tmp_path / str(len(made))
        wandering = Wandering(
            lambda number: Machine(convex.url, token, folder / str(number) / "db"), moves=moves
        )
        made.append(wandering)
        return wandering

    for name in _methods():
        assert name in vars(Wandering), name
        assert name in vars(ReplicatedTranscripts), name
    try:
        await run_session_store_conformance(make)
    finally:
        for wandering in made:
            await wandering.close()
    assert len(made) == 15


async def test_a_long_transcript_comes_in_pages(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """A transcript of many chunks, a large one among them, is fetched whole and in order."""
    token = make_token(f"ada-{new_id()}")
    a, b = (Machine(convex.url, token, tmp_path / name / "db") for name in "ab")
    info = SessionInfo(name="long", cwd="", claude_session_id="c")
    key: Any = {"project_key": "p", "session_id": "c"}
    entries: list[Any] = [{"type": "user", "uuid": str(n), "text": f"{n} "} for n in range(130)]
    entries.append({"type": "user", "uuid": "large", "text": new_id() * 100_000})
    async with running(a, b):
        a.store.put(info)
        for entry in entries:
            await a.transcripts.append(key, [entry])
        await a.flushed(60)
        await b.opened("long")
        assert await b.transcripts.load(key) == entries
        convex.reset_stats()
        assert await a.transcripts.fetch("c") is False
        assert "transcripts:load" not in convex.stats()["functions"], (
            "own chunks are not read again"
        )


async def test_offline_goes_on_with_what_is_here(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """Without a connection what is here can be resumed, and what is written waits."""
    a = Machine(convex.url, make_token(f"ada-{new_id()}"), tmp_path / "a" / "db")
    info = SessionInfo(name="one", cwd="", claude_session_id="c")
    key: Any = {"project_key": "p", "session_id": "c"}
    first: Any = {"type": "user", "uuid": "1"}
    async with running(a):
        a.store.put(info)
        await a.transcripts.append(key, [first])
        await a.flushed()
        convex.faults.offline()
        await a.until(lambda: a.replica.standing().sync == "offline")
        assert await a.transcripts.load(key) == [first]
        assert [s["session_id"] for s in await a.transcripts.list_sessions("p")] == ["c"]
        await a.transcripts.append(key, [{"type": "user", "uuid": "2"}])
        assert a.replica.standing().waiting.rows == 1
        convex.faults.online()
        await a.flushed()
