"""Signing in and out under a running replica: nothing goes on as who was before (S5)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from convex_server import ConvexServer
from machines import Machine, message, running
from tokens import MakeToken

from ipyclaude.messages import SessionInfo, new_id

pytestmark = pytest.mark.asyncio


async def test_signing_out_and_in_again(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """Signed out, a connected kernel sends no more; what waits goes once they are back."""
    ada = make_token(f"ada-{new_id()}")
    signed = [ada]
    machine = Machine(convex.url, lambda: signed[-1], tmp_path / "a" / "store.sqlite3")
    info = SessionInfo(name="one", cwd="")
    async with running(machine):
        machine.store.put(info, message(info, "before"))
        await machine.flushed()
        signed.append("")
        await machine.replica.sign_in_anew()
        await machine.until(lambda: machine.replica.standing().sync == "signed_out")
        machine.store.put(message(info, "meanwhile"))
        assert len(machine.store.outbox()) == 1
        signed.append(ada)
        await machine.replica.sign_in_anew()
        await machine.flushed()
        assert machine.replica.standing().sync == "synced"


async def test_somebody_else_signs_in(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """Another person in the same kernel gets none of the first one's rows, and it says so."""
    signed = [make_token(f"ada-{new_id()}")]
    machine = Machine(convex.url, lambda: signed[-1], tmp_path / "a" / "store.sqlite3")
    info = SessionInfo(name="one", cwd="")
    eve = make_token(f"eve-{new_id()}")
    async with running(machine):
        machine.store.put(info, message(info, "of ada"))
        await machine.flushed()
        signed.append(eve)
        await machine.replica.sign_in_anew()
        machine.store.put(message(info, "of ada, too"))
        await machine.until(lambda: machine.replica.standing().sync == "refused")
        assert "another account" in machine.replica.standing().detail
        assert len(machine.store.outbox()) == 1
    other = Machine(convex.url, eve, tmp_path / "b" / "store.sqlite3")
    async with running(other):
        await other.replica.settled()
        assert other.store.sessions() == []


async def test_who_signs_in_twice_at_once_leaves_nothing_behind(
    convex: ConvexServer, make_token: MakeToken, tmp_path: Path
) -> None:
    """However often it begins anew, and be it closed meanwhile, the parts of it run once."""
    machine = Machine(convex.url, make_token(f"ada-{new_id()}"), tmp_path / "a" / "store.sqlite3")
    before = asyncio.all_tasks()
    async with running(machine):
        await machine.until(lambda: machine.replica.standing().sync == "synced")
        await asyncio.gather(*(machine.replica.sign_in_anew() for _ in range(3)))
        await machine.until(lambda: machine.replica.standing().sync == "synced")
        runs = [task for task in asyncio.all_tasks() if "Replica._run" in repr(task)]
        assert len(runs) == 1
        anew = [asyncio.ensure_future(machine.replica.sign_in_anew()) for _ in range(2)]
        await asyncio.sleep(0)
    await asyncio.wait(anew)
    assert asyncio.all_tasks() <= before
