"""A turn is stored before it is told, and survives what goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from session_bench import SID, Bench, question, run

from ipyclaude.engine import (
    BlockDelta,
    BlockStarted,
    MessageDone,
    Notice,
    TodosChanged,
    ToolPrinted,
    ToolRequest,
)
from ipyclaude.exceptions import EngineError, Overloaded
from ipyclaude.exchange import Answer
from ipyclaude.journal import Told
from ipyclaude.messages import (
    Approval,
    NoticeBlock,
    Phase,
    StreamTail,
    TextBlock,
    Todo,
    ToolResultBlock,
    Value,
)
from ipyclaude.protocol import BlockClosed, BlockOpened, Delta, MessageSaved, Printed, TurnChanged
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, Step, say


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
