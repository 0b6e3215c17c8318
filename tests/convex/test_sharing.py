"""Two people in one session (S5): what each may do, and what becomes of it when that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from desks import Desk
from machines import Machine, message, running
from tokens import MakeToken

from ipyclaude.codes import make_code
from ipyclaude.engine import ToolRequest
from ipyclaude.exceptions import NotAllowed, SessionBusy
from ipyclaude.messages import Approval, SessionInfo, new_id
from ipyclaude.permissions import shown
from ipyclaude.replica.sharing import GuestRole, Sharing
from ipyclaude.testing.engines import say

pytestmark = pytest.mark.asyncio

Make = Callable[..., Machine]


@pytest.fixture
def make(convex: ConvexServer, make_token: MakeToken, tmp_path: Path) -> Make:
    """Make machines, each of a person of its own: `make(name)`."""
    run = new_id()

    def make(name: str, **options: Any) -> Machine:
        token = make_token(f"{name}-{run}", name=name.capitalize())
        return Machine(convex.url, token, tmp_path / name / "store.db", **options)

    return make


def sharing(machine: Machine) -> Sharing:
    """What a machine's person says of who may see a session."""
    return Sharing(machine.cloud, machine.replica.replication)


async def shared(ada: Machine, bo: Machine, role: GuestRole) -> SessionInfo:
    """Make a session of Ada's that Bo is in, open on both machines; return Bo's row of it."""
    info = SessionInfo(name="plan", cwd="/home/ada", notebook="plan.ipynb")
    ada.store.put(info, message(info, "of Ada"))
    ada.replica.open(info)
    await ada.flushed()
    code = make_code()
    await sharing(ada).invite(info.client_id, code, role=role, uses=1, days=1)
    theirs = await sharing(bo).redeem(code.lower().replace("-", " "))
    bo.replica.open(theirs)
    await bo.until(lambda: bo.texts(info.client_id) == ["of Ada"])
    return theirs


async def became(machine: Machine, info: SessionInfo, role: str) -> None:
    """Wait until a machine knows what its person is in a session."""
    await machine.until(lambda: (machine.store.session(info.client_id) or info).role == role)


async def put_out(ada: Machine, info: SessionInfo) -> None:
    """Let Ada remove everybody else."""
    for member in await sharing(ada).members(info.client_id):
        if member.role != "owner":
            await sharing(ada).remove(info.client_id, member.id)


async def test_a_code_opens_one_session_as_said(make: Make) -> None:
    """Before it nothing is seen; after it the session is in the list, whose it is and as what.

    A code that is none, or used up, or taken back says so, and opens nothing.
    """
    ada, bo, cy = make("ada"), make("bo"), make("cy")
    async with running(ada, bo, cy):
        theirs = await shared(ada, bo, "viewer")
        assert (theirs.role, theirs.owner, theirs.notebook) == ("viewer", "Ada", None)
        [note] = bo.messages(theirs.client_id)
        assert (note.author, note.author_id is not None) == ("Ada", True)
        [own] = ada.messages(theirs.client_id)
        assert own.author == ""
        members = await sharing(bo).members(theirs.client_id)
        assert [(m.name, m.role, m.me) for m in members] == [
            ("Ada", "owner", False),
            ("Bo", "viewer", True),
        ]
        code = make_code()
        invite = await sharing(ada).invite(theirs.client_id, code, role="editor", uses=1, days=1)
        await sharing(ada).revoke(theirs.client_id, invite.id)
        for nothing in (code, make_code()):
            with pytest.raises(NotAllowed, match="opens nothing"):
                await sharing(cy).redeem(nothing)
        assert cy.store.sessions() == []
        with pytest.raises(NotAllowed, match="Only the session's owner"):
            await sharing(bo).invite(theirs.client_id, code, role="editor", uses=1, days=1)


async def test_what_a_viewer_writes_is_parked_and_an_editor_sends_it(make: Make) -> None:
    """Nothing of it is lost: it waits with the reason, and goes once they are an editor."""
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "viewer")
        bo.store.put(message(info, "of Bo"))
        await bo.until(lambda: bo.replica.parked())
        assert "only read" in (bo.replica.parked()[0].parked or "")
        with pytest.raises(NotAllowed, match="You may read session 'plan'"):
            await Desk(bo, info, say("never")).ask("?")
        [_, member] = await sharing(ada).members(info.client_id)
        await sharing(ada).set_role(info.client_id, member.id, "editor")
        await became(bo, info, "editor")
        assert bo.replica.retry() == 1
        await ada.until(lambda: ada.texts(info.client_id) == ["of Ada", "of Bo"])
        assert [m.author for m in ada.messages(info.client_id)] == ["", "Bo"]


async def test_who_is_put_out_keeps_what_they_had_and_sends_no_more(
    make: Make, convex: ConvexServer
) -> None:
    """What was written offline waits with the reason; nothing of it becomes a session of theirs.

    What the owner writes from then on does not reach them.
    """
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "editor")
        await put_out(ada, info)
        # As if it had been written before the news came.
        bo.store.put(message(info, "too late"))
        await became(bo, info, "none")
        ada.store.put(message(info, "not for Bo"))
        await ada.flushed()
        await bo.until(lambda: bo.replica.parked() or not bo.store.outbox())
        assert "not for Bo" not in bo.texts(info.client_id)
        assert "of Ada" in bo.texts(info.client_id)
        assert "too late" in bo.texts(info.client_id)
        assert "too late" not in ada.texts(info.client_id)
        stands = bo.store.session(info.client_id)
        assert stands is not None
        assert (stands.local, stands.owner, stands.name) == (True, "Ada", "plan")
        with pytest.raises(NotAllowed, match="not shared with you any more"):
            await Desk(bo, stands, say("never")).ask("?")


async def test_a_turn_ends_when_its_person_is_put_out(make: Make) -> None:
    """In the middle of an answer it stops, with words; what was received stays there."""
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "editor")
        desk = Desk(bo, info, [*say("half"), asyncio.Event()])
        turn = asyncio.create_task(desk.ask("go"))
        await ada.until(lambda: "half" in ada.texts(info.client_id))
        await put_out(ada, info)
        answer = await turn
        assert isinstance(answer.error, NotAllowed)
        assert "half" in bo.texts(info.client_id)
        assert "Session 'plan' is not shared" in answer.error.what


async def test_the_owner_takes_a_turn_over(make: Make) -> None:
    """The member's turn ends with who took it and keeps its answer; the owner prompts at once."""
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "editor")
        mine = ada.store.session(info.client_id)
        assert mine is not None
        theirs = Desk(bo, info, [*say("half"), asyncio.Event()])
        own = Desk(ada, mine, say("mine"))
        turn = asyncio.create_task(theirs.ask("go"))
        await ada.until(lambda: "half" in ada.texts(info.client_id))
        with pytest.raises(SessionBusy, match=r"Bo \(bo\) is working"):
            await own.ask("?")
        await ada.replica.company.lease(info.client_id).take_over()
        answer = await turn
        assert isinstance(answer.error, SessionBusy)
        assert "Ada (ada) took session 'plan' over" in answer.error.what
        assert "half" in bo.texts(info.client_id)
        assert (await own.ask("?")).text == "mine"
        await bo.until(lambda: "mine" in bo.texts(info.client_id))


@pytest.mark.parametrize("let", [False, True])
async def test_only_a_machines_person_answers_for_it(make: Make, let: bool) -> None:
    """Another's answer is refused, unless they let editors; then it counts, once (S12)."""
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "editor")
        desk = Desk(bo, info)
        desk.permissions.editors_may = lambda _: let
        request = ToolRequest(name="Bash", input={"command": "ls"}, tool_use_id="u")
        deciding = asyncio.create_task(
            desk.permissions.decide(request, session_id=info.client_id, turn_id="t", ask=shown)
        )
        await ada.until(lambda: ada.store.approvals(info.client_id))
        [asked] = ada.store.approvals(info.client_id)
        assert (asked.person, asked.may_answer) == ("Bo", let)
        mine = ada.store.session(info.client_id)
        assert mine is not None
        ada_answers = Desk(ada, mine).permissions.answer
        if not let:
            with pytest.raises(NotAllowed, match="Only Bo can answer"):
                await ada_answers(asked, allow=True)
            # Nor by a program that forgets to ask itself whether it may.
            forged = asked.model_copy(update={"may_answer": True})
            with pytest.raises(NotAllowed, match="does not take your answer"):
                await ada_answers(forged, allow=True)
            [asked] = bo.store.approvals(info.client_id)
            await desk.permissions.answer(asked, allow=True)
        else:
            await ada_answers(asked, allow=True, scope="always")
        assert (await deciding).allow
        assert bo.store.rules(info.client_id) == ada.store.rules(info.client_id) == []
        [stands] = bo.store.approvals(info.client_id, pending=False)
        assert (stands.status, stands.decider) == ("allowed", "Ada" if let else "")


async def test_what_another_person_allowed_is_not_allowed_here(make: Make) -> None:
    """A question of theirs that was answered and never used opens nothing on our machine (S12)."""
    ada, bo = make("ada"), make("bo")
    async with running(ada, bo):
        info = await shared(ada, bo, "editor")
        left = Approval(
            session_id=info.client_id,
            turn_id="before",
            tool_use_id="u",
            tool_name="Bash",
            input={"command": "curl evil"},
            status="allowed",
        )
        bo.store.put(left)
        await ada.until(lambda: ada.store.approvals(info.client_id, pending=False))
        mine = ada.store.session(info.client_id)
        assert mine is not None
        desk, asked = Desk(ada, mine), list[Approval]()

        async def refuse(approval: Approval) -> None:
            asked.append(approval)
            await desk.permissions.answer(approval, allow=False)

        request = ToolRequest(name="Bash", input={"command": "curl evil"}, tool_use_id="v")
        decision = await desk.permissions.decide(
            request, session_id=info.client_id, turn_id="t", ask=refuse
        )
        assert not decision.allow
        assert [a.client_id for a in asked] != [left.client_id]
