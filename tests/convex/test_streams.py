"""What grows on one server is seen on the others, and what waits there is answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from convex_server import ConvexServer
from desks import Desk
from machines import PATIENCE, Make, running, shared

from ipyclaude.engine import BlockDelta, BlockStarted, MessageDone, ToolRequest
from ipyclaude.messages import Approval, SessionInfo, TextBlock, ThinkingBlock
from ipyclaude.permissions import shown
from ipyclaude.replica import presence
from ipyclaude.testing.engines import Step, say

pytestmark = pytest.mark.asyncio


async def until(true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something is true that no event tells of."""
    for _ in range(round(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never came true")


def pushes(convex: ConvexServer) -> int:
    """Return how often a growing answer was sent."""
    return convex.stats()["functions"].get("streams:push", {"calls": 0})["calls"]


async def test_who_else_is_here(make: Make) -> None:
    """Each sees who has the session open, and no longer once it, or the kernel, is closed."""
    a, b = make("a"), make("b")
    async with running(b):
        async with running(a):
            info = await shared(a, b)
            sid, presence = info.client_id, a.replica.company.presence
            await until(lambda: presence.watched(sid) and b.replica.company.presence.watched(sid))
            assert [(other.label, other.mine) for other in presence.others(sid)] == [("b", True)]
            b.replica.leave(sid)
            await until(lambda: presence.others(sid) == ())
            b.replica.open(info)
            await until(lambda: presence.watched(sid) and b.replica.company.presence.watched(sid))
        await until(lambda: not b.replica.company.presence.watched(sid))


async def test_who_made_a_session_is_seen_in_it_at_once(
    convex: ConvexServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new session is not there yet when it is said to be open: that is said again once it is."""
    monkeypatch.setattr(presence, "BEAT_SECONDS", 3600.0)

    def beats() -> int:
        return convex.stats()["functions"].get("presence:heartbeat", {"calls": 0})["calls"]

    a, b = make("a"), make("b")
    info, before = SessionInfo(name="new", cwd=""), beats()
    async with running(a, b):
        a.replica.open(info)
        b.replica.open(info)
        await until(lambda: beats() == before + 2)
        a.store.put(info)
        await until(lambda: a.replica.company.presence.watched(info.client_id))
        await until(lambda: b.replica.company.presence.watched(info.client_id))
        assert beats() == before + 4


async def test_an_answer_is_seen_while_it_is_written(convex: ConvexServer, make: Make) -> None:
    """Its pieces appear on the other server in order, and go once the message is there."""
    a, b = make("a"), make("b")
    first, second = asyncio.Event(), asyncio.Event()
    script: list[Step] = [
        BlockStarted("m", 0, ThinkingBlock()),
        BlockDelta("m", 0, "Let me see."),
        MessageDone("m", "assistant", (ThinkingBlock(thinking="Let me see."),)),
        BlockStarted("m", 1, TextBlock()),
        BlockDelta("m", 1, "One \ud83d"),
        first,
        BlockDelta("m", 1, ", two"),
        second,
        BlockDelta("m", 1, ", three."),
        MessageDone("m", "assistant", (TextBlock(text="One \ud83d, two, three."),), first_index=1),
    ]
    async with running(a, b):
        info = await shared(a, b)
        writer, reader = Desk(a, info, script), Desk(b, info)
        await until(lambda: a.replica.company.presence.watched(info.client_id))
        turn = asyncio.create_task(writer.ask("?"))
        await until(lambda: reader.growing == "One \ud83d")
        first.set()
        await until(lambda: reader.growing == "One \ud83d, two")
        assert b.store.tails(info.client_id) == []
        second.set()
        await turn
        await b.until(lambda: "One \ud83d, two, three." in b.texts(info.client_id))
        await until(lambda: reader.growing == "")
        token = {"session": info.client_id}
        assert (await b.cloud.query("streams:tail", token))["deltas"] == []


async def test_nothing_is_sent_while_nobody_watches(convex: ConvexServer, make: Make) -> None:
    """Alone, a growing answer costs no call; who comes in the middle sees it from its start."""
    a, b = make("a"), make("b")
    go_on = asyncio.Event()
    script: list[Step] = [
        BlockStarted("m", 0, TextBlock()),
        BlockDelta("m", 0, "So far"),
        go_on,
        MessageDone("m", "assistant", (TextBlock(text="So far"),)),
    ]
    async with running(a, b):
        info = await shared(a)
        before = pushes(convex)
        writer = Desk(a, info, script)
        turn = asyncio.create_task(writer.ask("?"))
        await a.until(lambda: a.store.tails(info.client_id))
        await asyncio.sleep(0.6)  # two times that it would have been sent
        assert pushes(convex) == before
        await b.opened("one")
        reader = Desk(b, info)
        b.replica.leave(info.client_id)
        b.replica.open(info)
        await until(lambda: reader.growing == "So far")
        go_on.set()
        await turn


async def test_an_answer_that_never_lands_is_cleared(make: Make) -> None:
    """What a broken message had sent goes when its turn ends."""
    a, b = make("a"), make("b")
    go_on = asyncio.Event()
    script: list[Step] = [
        BlockStarted("m", 0, TextBlock()),
        BlockDelta("m", 0, "Half"),
        go_on,
        BlockStarted("n", 0, TextBlock()),
        BlockDelta("n", 0, "Whole"),
        MessageDone("n", "assistant", (TextBlock(text="Whole"),)),
    ]
    async with running(a, b):
        info = await shared(a, b)
        writer, reader = Desk(a, info, script), Desk(b, info)
        await until(lambda: a.replica.company.presence.watched(info.client_id))
        turn = asyncio.create_task(writer.ask("?"))
        await until(lambda: reader.growing == "Half")
        go_on.set()
        await turn
        await b.until(lambda: b.texts(info.client_id) == ["?", "Whole", ""])
        await until(lambda: reader.growing == "")
        live: list[Any] = [0]

        async def look() -> None:
            live[:] = (await b.cloud.query("streams:tail", {"session": info.client_id}))["deltas"]

        for _ in range(100):
            await look()
            if not live:
                break
            await asyncio.sleep(0.05)
        assert live == []


async def test_a_question_is_answered_from_another_server(make: Make) -> None:
    """The tool runs where it was asked for, as soon as somebody elsewhere allows it."""
    a, b = make("a"), make("b")
    request = ToolRequest(tool_use_id="t1", name="Bash", input={"command": "ls"})
    async with running(a, b):
        info = await shared(a, b)
        writer, reader = Desk(a, info, [request, *say("done")]), Desk(b, info)
        turn = asyncio.create_task(writer.ask("?", ask=shown))
        asked = (await b.until(lambda: b.store.approvals(info.client_id)))[0]
        stands = await reader.permissions.answer(asked, allow=True)
        assert (await turn).text == "done"
        assert stands.status == "allowed"
        (known,) = a.store.approvals(info.client_id, pending=False)
        assert (known.status, known.decided_by) == ("allowed", "b")


async def test_two_answers_at_once_are_one(make: Make) -> None:
    """Whoever the server heard first has decided, for the tool and for every record of it."""
    a, b = make("a"), make("b")
    rounds = 12
    requests = [
        ToolRequest(tool_use_id=f"t{n}", name="Bash", input={"command": f"ls {n}"})
        for n in range(rounds)
    ]
    async with running(a, b):
        info = await shared(a, b)
        writer, reader = Desk(a, info, [*requests, *say("done")]), Desk(b, info)
        await until(lambda: a.replica.company.presence.watched(info.client_id))
        turn = asyncio.create_task(writer.ask("?", ask=shown))
        for _ in range(rounds):
            asked: Approval = (await b.until(lambda: b.store.approvals(info.client_id)))[0]
            here, there = await asyncio.gather(
                writer.permissions.answer(asked, allow=False),
                reader.permissions.answer(asked, allow=True),
            )
            assert (here.status, here.decided_by) == (there.status, there.decided_by)
        await turn
        await a.flushed()
        await b.flushed()
        both = [
            {x.client_id: x.status for x in m.store.approvals(info.client_id, pending=False)}
            for m in (a, b)
        ]
        assert both[0] == both[1]
        assert set(both[0].values()) <= {"allowed", "denied"}
