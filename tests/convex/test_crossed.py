"""Turns of two servers that crossed while one was offline: nothing is lost, and both go on (S4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from convex_server import ConvexServer
from desks import Desk
from hosts import Notebook
from kernels import Kernel, Place, said
from machines import Machine, Make, running, shared
from relay import Relay
from tokens import MakeToken

from ipyclaude.journal import notice_message
from ipyclaude.messages import TextBlock, new_id
from ipyclaude.replica.drain import BATCH_BYTES
from ipyclaude.replica.rows import message_input
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import ScriptedModel
from ipyclaude.testing.engines import say
from ipyclaude.turn import forked_notice

Start = Callable[..., Notebook]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model with an empty script."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def way(convex: ConvexServer) -> Iterator[Relay]:
    """The way to Convex of one server."""
    with Relay(convex.url) as relay:
        yield relay


@pytest.fixture
def start(tmp_path: Path, model: ScriptedModel, make_token: MakeToken) -> Iterator[Start]:
    """Start kernels of one person, each on a server of its own: `start(name, url)`."""
    started: list[Kernel] = []
    token = make_token(f"ada-{new_id()}")

    def begin(name: str, url: str) -> Notebook:
        place = Place(tmp_path / name)
        signed_in = {"CONVEX_URL": url, "CONVEX_AUTH_TOKEN": token}
        kernel = Kernel(place, place.env(model, IPYCLAUDE_SERVER_LABEL=name, **signed_in))
        started.append(kernel)
        nb = Notebook(kernel)
        assert nb.run("%load_ext ipyclaude").error == ""
        return nb

    yield begin
    for kernel in started:
        kernel.close()


def session(nb: Notebook, line: str) -> str:
    """Run a subcommand that works; return what it shows, on one line."""
    shown = nb.run(f"%claude_session {line}")
    assert shown.error == "", shown.text
    return " ".join(shown.text.split())


def until(nb: Notebook, line: str, words: str) -> str:
    """Run a subcommand until it shows these words; return what it shows."""
    shown = ""

    def says() -> bool:
        nonlocal shown
        shown = session(nb, line)
        return words in shown

    nb.kernel.until(says)
    return shown


def ask(nb: Notebook, model: ScriptedModel, prompt: str, answer: str) -> str:
    """Ask, and see the answer; return what Claude was sent."""
    model.script(answer)
    assert answer in nb.run(f"%%claude\n{prompt}").text
    return said(model.requests[-1])


def names(nb: Notebook) -> list[str]:
    """Return what the sessions on a server are called."""
    with closing(SqliteStore(nb.kernel.place.store_file)) as store:
        return sorted(info.name for info in store.sessions())


def test_turns_made_offline_go_on_in_a_copy(
    start: Start, model: ScriptedModel, convex: ConvexServer, way: Relay
) -> None:
    """Two turns end without network while another server writes in the session. Back online all
    messages are in it on both servers; Claude goes on there from the other server's turn, and from
    ours in one copy that the notice names. A kernel that was restarted meanwhile sees to it."""
    a, b = start("a", way.url), start("b", convex.url)
    session(a, "new plan")
    ask(a, model, "first", "One.")
    until(a, "status", "synced")
    until(b, "list", "plan")
    session(b, "open plan")

    way.cut()
    until(a, "status", "offline")
    ask(a, model, "off one", "Two alone.")
    assert "Two alone." in ask(a, model, "off two", "Three alone.")
    request = ask(b, model, "on one", "Four there.")
    assert "One." in request
    assert "off one" not in request
    until(b, "status", "synced")
    a.kernel.close()

    way.mend()
    a = start("a", way.url)
    until(a, "status", "synced")
    for nb in (a, b):
        shown = until(nb, "show plan", "Three alone.")
        for words in ("first", "One.", "off one", "Two alone.", "off two", "on one", "Four there."):
            assert words in shown
        assert "Another kernel worked in session 'plan' meanwhile" in shown
        assert "%claude_session open plan-fork" in shown
    assert names(a) == ["plan", "plan-fork"]
    b.kernel.until(lambda: names(b) == ["plan", "plan-fork"])

    goes_on = ask(b, model, "go on", "Five.")
    session(a, "open plan")
    again = ask(a, model, "and on", "Six.")
    for request in (goes_on, again):
        assert "One." in request
        assert "Four there." in request
        assert "off one" not in request
        assert "alone." not in request
    assert "Five." in again
    for nb in (a, b):
        session(nb, "open plan-fork")
        assert "Four there." not in until(nb, "show plan-fork", "Three alone.")
    copied = ask(b, model, "in the copy", "Seven.")
    for words in ("first", "One.", "off one", "Two alone.", "off two", "Three alone."):
        assert words in copied
    assert "on one" not in copied
    until(a, "status", "synced")
    until(b, "status", "synced")
    assert names(a) == ["plan", "plan-fork"]


class Apart:
    """Keeps turns apart as a kernel does, but for the copy."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.asked: list[tuple[list[str], set[str]]] = []
        machine.replica.crossings.apart = self

    async def __call__(
        self, session_id: str, turns: Sequence[str], others: Collection[str]
    ) -> bool:
        """Say it in each turn."""
        self.asked.append((list(turns), set(others)))
        notice = forked_notice("one", "one-fork")
        self.machine.store.put(*(notice_message(notice, session_id, turn) for turn in turns))
        return len(self.asked) > 1  # what is in the way at first


@pytest.fixture
def far(way: Relay, token: str, tmp_path: Path) -> Machine:
    """A machine whose way to Convex can be cut."""
    return Machine(way.url, token, tmp_path / "far" / "store.db")


@pytest.mark.asyncio
async def test_only_turns_that_were_crossed_are_kept_apart(
    make: Make, far: Machine, way: Relay
) -> None:
    """A turn that ended offline is sent as it is where nobody wrote meanwhile. Where somebody did
    it waits until it is kept apart, all others go on, and theirs is no turn that was crossed."""
    near = make("near")
    async with running(far, near):
        info = await shared(far, near)
        apart = Apart(far), Apart(near)
        alone = Desk(far, info, *[say(f"far {n}") for n in range(4)])
        way.cut()
        await far.until(lambda: far.cloud.state.kind == "offline")
        await alone.ask("?")
        way.mend()
        await far.flushed()
        await near.until(lambda: "far 0" in near.texts(info.client_id))

        way.cut()
        await far.until(lambda: far.cloud.state.kind == "offline")
        late = [(await alone.ask("?")).turn.turn_id for _ in range(2)]
        go_on = asyncio.Event()
        other = Desk(near, info, [*say("near"), go_on])
        turn = asyncio.create_task(other.ask("!"))
        await near.until(lambda: near.replica.waiting(info.client_id).rows == 0)
        way.mend()
        await far.until(lambda: len(apart[0].asked) == 2)
        await far.flushed()
        go_on.set()
        theirs = (await turn).turn.turn_id
        assert apart[0].asked == [(late, {theirs})] * 2
        await near.flushed()
        await other.there.settled()
        await alone.ask("?")
        for machine in (far, near):
            await machine.flushed()
            await machine.until(lambda m=machine: "far 3" in m.texts(info.client_id))
            await machine.until(lambda m=machine: m.texts(info.client_id).count("near") == 1)
        assert apart[1].asked == []
        assert len(apart[0].asked) == 2
        assert far.texts(info.client_id) == near.texts(info.client_id)


@pytest.mark.asyncio
async def test_what_the_server_took_already_crosses_nothing(
    make: Make, far: Machine, way: Relay
) -> None:
    """A reply that never came is no other's writing, though less is sent the next time (S2)."""
    near = make("near")
    async with running(far):
        info = await shared(far)
        apart = Apart(far)
        desk = Desk(far, info, say("one"), say("two"))
        way.cut()
        await far.until(lambda: far.cloud.state.kind == "offline")
        for _ in range(2):
            await desk.ask("?")
        there = [message_input(message)[0] for message in far.messages(info.client_id)]
        async with running(near):  # stands for the call whose reply was lost
            await near.cloud.mutation(
                "messages:append", {"session": info.client_id, "messages": there}
            )
        # It fills a call by itself.
        long = (TextBlock(text="long " * BATCH_BYTES),)
        far.store.put(far.messages(info.client_id)[0].model_copy(update={"content": long}))
        way.mend()
        await far.flushed()
        assert apart.asked == []


@pytest.mark.asyncio
async def test_a_crossing_is_found_behind_a_row_that_is_refused(
    make: Make, far: Machine, way: Relay
) -> None:
    """What is sent in parts, since something of it is refused, asks for each part (S4)."""
    near = make("near")
    async with running(far, near):
        info = await shared(far, near)
        apart = Apart(far)
        apart.asked.append(([], set()))  # nothing is in the way
        alone, other = Desk(far, info, say("far")), Desk(near, info, say("near"))
        way.cut()
        await far.until(lambda: far.cloud.state.kind == "offline")
        late = (await alone.ask("?")).turn.turn_id
        refused = far.messages(info.client_id)[0].model_copy(
            update={"client_id": new_id(), "turn_id": "", "cost": float("inf")}
        )
        far.store.put(refused)
        theirs = (await other.ask("!")).turn.turn_id
        await near.flushed()
        way.mend()
        await far.until(lambda: len(apart.asked) > 1)
        assert apart.asked[1] == ([late], {theirs})


@pytest.mark.asyncio
async def test_a_turn_that_runs_on_into_the_network_takes_earlier_ones_along(
    make: Make, far: Machine, way: Relay
) -> None:
    """Others crossed a turn that ended offline, and the next one, which still ran when the
    network was back: both go on in one copy, and each of them says in which (S4)."""
    near = make("near")
    async with running(far, near):
        info = await shared(far, near)
        go_on = asyncio.Event()
        alone = Desk(far, info, say("early"), [*say("late"), go_on], heartbeat=0.1)
        other = Desk(near, info, say("near"))
        again: list[str] = []

        async def apart(_: str, turns: Sequence[str], others: Collection[str]) -> bool:
            assert others == {theirs}
            if alone.session.running:
                return False  # it is in the way
            again.extend(turns)
            return True

        far.replica.crossings.apart = apart
        way.cut()
        await far.until(lambda: far.cloud.state.kind == "offline")
        early = (await alone.ask("?")).turn.turn_id
        theirs = (await other.ask("!")).turn.turn_id
        await near.flushed()
        await other.there.settled()
        late = asyncio.create_task(alone.ask("?"))
        await far.until(lambda: "late" in far.texts(info.client_id))
        way.mend()
        await far.until(lambda: alone.there.crossed)
        go_on.set()
        turns = (early, (await late).turn.turn_id)
        await far.flushed()
        assert alone.rescued == [frozenset({theirs})]
        assert again == []
        told = [m for m in far.messages(info.client_id) if m.type == "system"]
        assert sorted(m.turn_id for m in told) == sorted(turns)
        assert all("%claude_session open one-fork" in repr(m.content) for m in told)
