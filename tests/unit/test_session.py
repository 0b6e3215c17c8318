"""A turn is stored before it is told, survives what goes wrong, and has one writer."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from ipyclaude.engine import (
    BlockDelta,
    BlockStarted,
    EngineOptions,
    MessageDone,
    Notice,
    TodosChanged,
    ToolPrinted,
    ToolRequest,
)
from ipyclaude.exceptions import EngineError, Overloaded, SessionBusy
from ipyclaude.exchange import Answer, Question
from ipyclaude.gathering import ContextSource
from ipyclaude.holders import dead, dead_here, machine, make_holder
from ipyclaude.journal import Told
from ipyclaude.leases import StoreLease, alive, until_free
from ipyclaude.messages import (
    Approval,
    Message,
    NoticeBlock,
    Phase,
    ResultBlock,
    SessionInfo,
    StreamTail,
    TextBlock,
    Todo,
    ToolResultBlock,
    Value,
    now_ms,
)
from ipyclaude.permissions import Permissions
from ipyclaude.protocol import BlockClosed, BlockOpened, Delta, MessageSaved, Printed, TurnChanged
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, Step, say
from ipyclaude.testing.stores import MemoryStore

SID = "s" * 36


class Bench:
    """A session on a scripted engine, with what it told its views."""

    def __init__(
        self,
        *turns: Sequence[Step],
        store: MemoryStore | None = None,
        context: ContextSource | None = None,
    ) -> None:
        self.store = store or MemoryStore()
        if self.store.session(SID) is None:
            self.store.put(SessionInfo(client_id=SID, name="demo", cwd="."))
        info = self.store.session(SID)
        assert info is not None
        self.permissions = Permissions(self.store)
        self.engine = ScriptedEngine(*turns)
        self.events: list[Told] = []
        self.session = Session(
            info,
            store=self.store,
            permissions=self.permissions,
            make_engine=self._make,
            options=EngineOptions(cwd=".", session_id="c"),
            lease=StoreLease(self.store, SID, "1@here/x"),
            context=context,
        )
        self.session.subscribe(self.events.extend)

    def _make(self, session: Session) -> ScriptedEngine:
        self.engine._ask = session.decide  # pyright: ignore[reportPrivateUsage]
        return self.engine

    def messages(self) -> list[tuple[str, str]]:
        page = self.store.messages(SID)
        return [(m.type, m.text) for m in page.messages]


def question(text: str = "hi", **more: object) -> Question:
    return Question(content=(TextBlock(text=text),), **more)  # pyright: ignore[reportArgumentType]


def run(work: Callable[[], Awaitable[Answer]]) -> Answer:
    async def bounded() -> Answer:
        return await asyncio.wait_for(work(), 10)

    return asyncio.run(bounded())


def test_an_answer_streams_and_is_kept() -> None:
    """Opened, grown and closed in order; prompt, answer and result are in the store."""

    async def work() -> Answer:
        bench = Bench(say("Hello there"))
        answer = await bench.session.ask(question())
        kinds = [type(e) for e in bench.events if not isinstance(e, TurnChanged)]
        assert kinds.index(BlockOpened) < kinds.index(Delta) < kinds.index(BlockClosed)
        assert "".join(e.s for e in bench.events if isinstance(e, Delta)) == "Hello there"
        assert bench.messages() == [("user", "hi"), ("assistant", "Hello there"), ("result", "")]
        return answer

    answer = run(work)
    assert answer.text == "Hello there"
    assert answer.turn.status == "done"


def test_a_message_is_on_disk_before_it_is_told_as_whole() -> None:
    """When a view hears that a block is closed, the store already has its message (S1)."""

    async def work() -> Answer:
        bench = Bench(say("Hello"))
        missing: list[str] = []
        opened: dict[int, str] = {}

        def check(events: Sequence[Told]) -> None:
            known = {m.client_id for m in bench.store.messages(SID).messages}
            for event in events:
                if isinstance(event, BlockOpened):
                    opened[event.live.k] = event.live.id
                if isinstance(event, BlockClosed) and opened[event.k] not in known:
                    missing.append(opened[event.k])
                if isinstance(event, MessageSaved) and event.message.client_id not in known:
                    missing.append(event.message.client_id)

        bench.session.subscribe(check)
        answer = await bench.session.ask(question())
        assert opened
        assert missing == []
        return answer

    run(work)


def test_what_a_command_prints_is_told_until_its_result_and_kept_nowhere() -> None:
    """A view that joins late is told it too; the result takes its place."""

    async def work() -> Answer:
        go = asyncio.Event()
        done = MessageDone("", "tool", (ToolResultBlock(tool_use_id="u", content="one, two"),))
        bench = Bench([ToolPrinted("u", "one"), ToolPrinted("v", "a"), go, done, *say("End")])
        late: list[tuple[Printed, ...]] = []

        def look(events: Sequence[Told]) -> None:
            for event in events:
                if event == Printed(tool_use_id="v", text="a"):
                    late.append(bench.session.printed())
                    go.set()
                elif isinstance(event, MessageSaved) and event.message.type == "tool":
                    late.append(bench.session.printed())

        bench.session.subscribe(look)
        answer = await bench.session.ask(question())
        one, two = Printed(tool_use_id="u", text="one"), Printed(tool_use_id="v", text="a")
        assert [event for event in bench.events if isinstance(event, Printed)] == [one, two]
        assert late == [(one, two), (two,)]
        assert bench.session.printed() == ()
        kinds = [kind for kind, _ in bench.messages()]
        assert kinds == ["user", "tool", "assistant", "result"]
        assert bench.store.tails(SID) == []
        return answer

    run(work)


def test_a_growing_answer_is_checkpointed_in_pieces() -> None:
    """What has grown is on disk within the quarter second, piece by piece, gone once it lands."""

    async def work() -> Answer:
        go = asyncio.Event()
        bench = Bench([*say("Hello there")[:3], go, *say("Hello there")[3:]])
        asked = asyncio.ensure_future(bench.session.ask(question()))
        saved: asyncio.Queue[StreamTail] = asyncio.Queue()

        def keep(values: Sequence[Value]) -> None:
            for value in values:
                if isinstance(value, StreamTail):
                    saved.put_nowait(value)

        bench.store.subscribe(keep)
        piece = await asyncio.wait_for(saved.get(), 5)
        assert isinstance(piece.block, TextBlock)
        assert "Hello there".startswith(piece.block.text)
        go.set()
        answer = await asked
        assert bench.store.tails(SID) == []
        return answer

    run(work)


def test_what_was_received_of_a_broken_answer_stays() -> None:
    """An error keeps the text so far, says what happened, and the next turn works (S14)."""

    async def work() -> Answer:
        bench = Bench([*say("Half an answer")[:2], Overloaded("The API is overloaded.")], say("ok"))
        answer = await bench.session.ask(question())
        assert isinstance(answer.error, Overloaded)
        assert answer.turn.status == "failed"
        texts = [text for kind, text in bench.messages() if kind == "assistant"]
        assert texts == ["Half "]
        assert bench.session.info.phase == Phase(
            type="error", error_message="The API is overloaded."
        )
        notices = [
            b.what
            for m in bench.store.messages(SID).messages
            for b in m.content
            if isinstance(b, NoticeBlock)
        ]
        assert notices == ["The API is overloaded."]
        return await bench.session.ask(question("again"))

    assert run(work).text == "ok"


def test_stopping_keeps_what_was_received() -> None:
    """A stopped turn ends as stopped; its text stays, and the session is free."""

    async def work() -> Answer:
        bench = Bench([*say("Long story")[:2], asyncio.Event()], say("ok"))
        asked = asyncio.ensure_future(bench.session.ask(question()))
        grown = asyncio.Event()
        bench.session.subscribe(
            lambda events: grown.set() if any(isinstance(e, Delta) for e in events) else None
        )
        await grown.wait()
        await bench.session.stop()
        answer = await asked
        assert answer.turn.status == "stopped"
        assert ("assistant", "Long") in bench.messages()
        return await bench.session.ask(question("again"))

    assert run(work).turn.status == "done"


def test_a_retried_answer_replaces_its_broken_start() -> None:
    """When the CLI asks the API anew, the broken start goes and is not kept twice (S2)."""

    async def work() -> Answer:
        broken: list[Step] = [
            BlockStarted("m1", 0, TextBlock()),
            BlockDelta("m1", 0, "Hel"),
        ]
        bench = Bench([*broken, *say("Hello", key="m2")])
        answer = await bench.session.ask(question())
        assert [t for kind, t in bench.messages() if kind == "assistant"] == ["Hello"]
        assert [e.drop for e in bench.events if isinstance(e, BlockClosed)] == [True, False]
        return answer

    run(work)


def test_a_second_turn_waits_for_the_first() -> None:
    """Asking while a turn runs is one clear refusal."""

    async def work() -> Answer:
        go = asyncio.Event()
        bench = Bench([go, *say("one")])
        first = asyncio.ensure_future(bench.session.ask(question()))
        await asyncio.sleep(0)
        with pytest.raises(SessionBusy, match="still working"):
            await bench.session.ask(question("two"))
        go.set()
        return await first

    run(work)


def test_another_holder_is_named_and_waited_for() -> None:
    """A session that another kernel works in is refused with who holds it (S4)."""

    async def work() -> Answer:
        bench = Bench(say("one"))
        bench.store.lease(SID, "7@elsewhere/y", now_ms() + 60_000)
        with pytest.raises(SessionBusy, match="7 on elsewhere"):
            await bench.session.ask(question())
        bench.store.lease(SID, "7@elsewhere/y", None)
        return await bench.session.ask(question())

    assert run(work).text == "one"


def test_a_dead_process_of_this_host_is_not_waited_for() -> None:
    """A killed kernel's lease does not hold for its whole time (S4)."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    info = SessionInfo(
        name="x",
        cwd=".",
        holder=f"{ended.pid}@{socket.gethostname()}/x",
        holder_expires_at=now_ms() + 60_000,
    )
    assert not alive(info)
    assert alive(info.model_copy(update={"holder": "1@elsewhere/x"}))


def test_a_kernel_of_another_machine_is_never_known_to_be_dead() -> None:
    """Hosts may share a name, so a holder says which machine it is of; what doesn't is believed
    only where all kernels are of one machine (S4)."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    where = f"{ended.pid}@{socket.gethostname()}"
    assert dead_here(f"{where}/1/{machine()}/x")
    assert not dead(f"{where}/1/another/x")
    assert dead(f"{where}/x")
    assert not dead_here(f"{where}/x")
    assert not dead_here(f"{where}/1//x")
    assert not dead_here(make_holder())


@pytest.mark.asyncio
async def test_a_busy_session_can_be_waited_for() -> None:
    """Waiting ends when the other kernel gives the session back, and at once where it is free."""
    store = MemoryStore()
    store.put(SessionInfo(client_id=SID, name="demo", cwd="."))
    await until_free(store, SID)
    store.lease(SID, "7@elsewhere/y", now_ms() + 60_000)
    waiting = asyncio.ensure_future(until_free(store, SID))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    store.lease(SID, "7@elsewhere/y", None)
    await asyncio.wait_for(waiting, 5)
    await until_free(store, "not here")


def test_what_a_dead_kernel_left_is_closed_before_the_next_turn() -> None:
    """Pieces become a message, a notice says why, a result ends the turn; nothing twice (S1)."""

    async def work() -> Answer:
        store = MemoryStore()
        bench = Bench(say("first"), say("second"), store=store)
        await bench.session.ask(question())
        turn = "t-dead"
        store.lease(SID, "dead@elsewhere/x", now_ms() - 1)
        store.put(
            StreamTail(session_id=SID, turn_id=turn, message_id="m9", block=TextBlock(text="par")),
            StreamTail(
                session_id=SID, turn_id=turn, message_id="m9", start=3, block=TextBlock(text="tial")
            ),
        )
        answer = await bench.session.ask(question("go on"))
        kinds = [m for m in bench.messages() if m[0] in ("assistant", "system")]
        assert kinds == [
            ("assistant", "first"),
            ("assistant", "partial"),
            ("system", ""),
            ("assistant", "second"),
        ]
        assert store.tails(SID) == []
        outcomes = [
            b.outcome
            for m in store.messages(SID).messages
            for b in m.content
            if isinstance(b, ResultBlock)
        ]
        assert outcomes == ["done", "failed", "done"]
        return answer

    run(work)


def test_another_servers_turn_is_left_open() -> None:
    """A turn whose lease was given back runs, or ended, elsewhere: its end is on its way (S4)."""

    async def work() -> Answer:
        store = MemoryStore()
        bench = Bench(say("mine"), store=store)
        theirs = Message(session_id=SID, type="user", turn_id="t-theirs")
        store.put(theirs)
        answer = await bench.session.ask(question())
        assert [m for m in bench.messages() if m[0] == "system"] == []
        assert store.messages(SID, turn_id="t-theirs").messages == (theirs,)
        return answer

    run(work)


def test_todos_and_notices_are_stored_and_told() -> None:
    """The list and the notices of a turn reach the store."""

    async def work() -> Answer:
        todos = (Todo(key="1", content="look", status="in_progress"),)
        bench = Bench([TodosChanged(todos), Notice("retry", "Trying again."), *say("done")])
        answer = await bench.session.ask(question())
        assert bench.store.todos(SID).todos == todos
        assert ("system", "") in bench.messages()
        return answer

    run(work)


def test_a_pending_approval_shows_as_waiting_and_an_answer_goes_on() -> None:
    """While a tool waits, the session says so in the store; the answer lets it go on."""

    async def work() -> Answer:
        request = ToolRequest(tool_use_id="t1", name="Bash", input={"command": "ls"})
        bench = Bench([request, *say("done")])
        phases: list[str] = []

        async def ask(approval: Approval) -> None:
            info = bench.store.session(SID)
            assert info is not None
            phases.append(info.phase.type)
            await bench.permissions.answer(approval, allow=True)

        answer = await bench.session.ask(question(ask=ask))
        assert phases == ["waiting"]
        assert bench.session.info.phase.type == "idle"
        return answer

    assert run(work).text == "done"


def test_stopping_ends_what_is_gathered_for_a_prompt() -> None:
    """A turn that is stopped while plots are drawn for it ends at once, and asks nothing."""

    async def work() -> Answer:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def gather(session_id: str) -> tuple[TextBlock, ...]:
            begun.set()
            try:
                return await asyncio.Future()
            finally:
                ended.set()

        bench = Bench(say("never asked"), context=gather)
        asked = asyncio.ensure_future(bench.session.ask(question()))
        await begun.wait()
        await bench.session.stop()
        answer = await asked
        assert ended.is_set()
        assert answer.text == ""
        return answer

    assert run(work).turn.status == "stopped"


def test_closing_before_claude_was_asked_ends_the_turn() -> None:
    """While its engine is made, or what goes along is gathered: it says so and asks nothing."""

    async def work() -> Answer:
        begun, made = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        async def gather(session_id: str) -> tuple[TextBlock, ...]:
            begun.set()
            return await asyncio.Future()

        class Slow(Bench):
            def _make(self, session: Session) -> ScriptedEngine:
                loop.call_soon_threadsafe(begun.set)
                made.wait(10)
                return super()._make(session)

        for bench in (Bench(say("never asked"), context=gather), Slow(say("never asked"))):
            begun.clear()
            asked = asyncio.ensure_future(bench.session.ask(question()))
            await begun.wait()
            await bench.session.close()
            made.set()
            answer = await asked
            assert bench.engine.asked == []
            assert isinstance(answer.error, EngineError)
            assert answer.error.what == "The turn was ended."
            assert [kind for kind, _ in bench.messages()] == ["user", "system", "result"]
        return answer

    assert run(work).turn.status == "failed"


def test_stopping_cancels_what_waits_for_an_answer() -> None:
    """A stopped turn leaves no question open."""

    async def work() -> Answer:
        request = ToolRequest(tool_use_id="t1", name="Bash", input={"command": "ls"})
        bench = Bench([request, *say("never")])

        async def ask(approval: Approval) -> None:
            asyncio.get_running_loop().create_task(bench.session.stop())

        answer = await bench.session.ask(question(ask=ask))
        assert answer.turn.status == "stopped"
        assert bench.store.approvals(SID) == []
        return answer

    run(work)
