"""One conversation: prompts in, events out, everything in the store.

A `Session` lives on the loop thread. It is handed its store, its engine and its
permissions; it holds the session's lease while a turn runs (S4), and closes what a dead
kernel left open. The turn itself is in turn.py, what is written and told in journal.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace

from .engine import (
    Decision,
    Engine,
    EngineEvent,
    EngineOptions,
    RateLimit,
    SlashCommand,
    ToolRequest,
    TurnEnded,
    TurnStarted,
)
from .engine.errors import turn_ended
from .exceptions import EngineError, IpyClaudeError, SessionBusy
from .exchange import Answer, Question
from .gathering import ContextSource, Gathering
from .journal import Journal, Listener
from .leases import Lease
from .messages import ContentBlock, Message, ResultBlock, SessionInfo, Value, now_ms
from .permissions import Permissions
from .protocol import Event, LiveBlock, MessageSaved, Printed, Status, StatusChanged, TurnState
from .recovery import recover
from .roles import check_may_write, may_write, refusal
from .store import Store
from .turn import Turn

_log = logging.getLogger(__name__)

STOP_SECONDS = 5.0  # how long a stopped turn may take to end by itself

#: An approved plan is carried out: the CLI leaves plan mode by itself.
_LEAVES_PLAN_MODE = "ExitPlanMode"

EngineFactory = Callable[["Session"], Engine]
#: Returns the options that a turn may run with, or raises.
Guard = Callable[[EngineOptions], EngineOptions]
#: Copies a session without the turns of these ids, which others wrote meanwhile.
Rescue = Callable[["Session", frozenset[str]], Awaitable[SessionInfo]]


class Session:
    """One open session of this kernel."""

    def __init__(
        self,
        info: SessionInfo,
        *,
        store: Store,
        permissions: Permissions,
        make_engine: EngineFactory,
        options: EngineOptions,
        lease: Lease,
        guard: Guard = lambda options: options,
        context: ContextSource | None = None,
        rescue: Rescue | None = None,
    ) -> None:
        self.options = options
        self._guard = guard
        self.rate_limit: RateLimit | None = None
        self.slash_commands: tuple[SlashCommand, ...] = ()
        self._journal = Journal(info, store)
        self._permissions = permissions
        self._make_engine = make_engine
        self._along, self._rescue = Gathering(context), rescue
        self._engine: Engine | None = None
        #: Others wrote in the session since the engine's process read Claude's memory of it.
        self._behind = False
        self._lease = lease
        #: The running turn has lost it.
        self._lost = False
        #: Turns of others, heard of while the running one runs.
        self._theirs: set[str] = set()
        self._running: Turn | None = None
        self._last: TurnState | None = None
        self._idle = asyncio.Event()
        #: Set while a turn runs and this person may not write any more.
        self._shut_out = asyncio.Event()

    @property
    def info(self) -> SessionInfo:
        """The session's row as it was last seen."""
        return self._journal.info

    @property
    def turn(self) -> TurnState | None:
        """The running turn, else the last one of this kernel."""
        state = self._running.state if self._running is not None else None
        return state or self._last

    @property
    def running(self) -> bool:
        """True while a turn of this kernel runs."""
        return self._running is not None

    # -- what views need --------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the loop thread with what happens; return the unsubscriber."""
        return self._journal.subscribe(listener)

    def live(self) -> tuple[LiveBlock, ...]:
        """The blocks that are growing now, here or in another kernel."""
        own = self._running.live() if self._running is not None else ()
        return own or self._journal.remote()

    def printed(self) -> tuple[Printed, ...]:
        """What the commands that run here now have printed so far."""
        return self._running.printed() if self._running is not None else ()

    def heard(self, values: Sequence[Value]) -> None:
        """Take in what another kernel wrote to this session (loop thread)."""
        messages = self._journal.heard(values)
        if messages:
            self._behind = True
            self._theirs.update(message.turn_id for message in messages)
        if self.running and not may_write(self.info):
            self._shut_out.set()

    def refresh(self) -> SessionInfo:
        """Read the session's row again (its name and counters may have changed)."""
        return self._journal.refresh()

    def tell_status(self, status: Status) -> None:
        """Tell the views how replication stands, and who is here."""
        self._journal.emit(StatusChanged(status=status))

    def rename(self, name: str) -> None:
        """Give the session another name.

        Raises
        ------
        NotAllowed
            It is somebody else's, and this person may not write in it.
        """
        check_may_write(self.info)
        self._journal.change(name=name)
        self._journal.tell()

    def archive(self, archived: bool) -> None:
        """Put the session away, or take it out again."""
        self._journal.change(archived_at=now_ms() if archived else None)
        self._journal.tell()

    def let_editors_answer(self, may: bool) -> None:
        """Let the session's editors answer what is asked on this machine, or no longer."""
        self._journal.change(editors_may=may)
        self._journal.tell()

    def tell(self, *events: Event) -> None:
        """Tell the views what is not the session's own (loop thread)."""
        self._journal.emit(*events)

    async def until_idle(self) -> None:
        """Wait for the end of the running turn, if there is one."""
        if self.running:
            await self._idle.wait()

    # -- a turn -----------------------------------------------------------------------

    async def ask(self, question: Question) -> Answer:
        """Run one turn.

        A turn that fails is an `Answer` with `error`: what was received is kept in it.

        Raises
        ------
        PolicyError
            The administrator does not allow it.
        NotAllowed
            It is somebody else's session, and this person may not write in it.
        SessionBusy
            A turn is running, here or in another kernel.
        StoreError
            The prompt could not be stored; nothing was asked.
        """
        self.check_may_ask()
        self._shut_out.clear()
        options = self._guard(replace(self.options, **question.changes))
        turn = self._running = Turn(
            question,
            self._journal,
            self._permissions,
            model=options.model,
            end_engine=self._end_engine,
        )
        self._idle.clear()
        try:
            before = await self._lease.take(self.refresh(), question.turn_id)
            try:
                self.refresh()
                self.recover(before)
                self._theirs.clear()
                self._lost = False
                return await self._run(turn, options)
            finally:
                await self._lease.give_back()
        finally:
            self._last = turn.state or self._last
            self._running = None
            self._idle.set()

    async def _run(self, turn: Turn, options: EngineOptions) -> Answer:
        heartbeat = asyncio.ensure_future(self._keep(turn))
        try:
            answer = await turn.run(self._events(turn, options))
        finally:
            heartbeat.cancel()
        return await self._kept_apart(turn, answer)

    async def steer(
        self, content: tuple[ContentBlock, ...], heard: Callable[[], None] = lambda: None
    ) -> None:
        """Put words into the running turn; `heard` is called when Claude takes them up.

        Where the turn is stopped before, they are no part of the session.

        Raises
        ------
        EngineError
            No turn is running here.
        """
        turn, engine = self._running, self._engine
        if turn is None or engine is None:
            raise EngineError("No turn is running here.", fix="Send it as a prompt.")
        await engine.steer(content, uuid=turn.expect(content, heard))

    def check_may_ask(self) -> None:
        """Raise `NotAllowed` for who may only read here, `SessionBusy` while a turn runs here."""
        check_may_write(self.info)
        self.check_free()

    def check_free(self) -> None:
        """Raise `SessionBusy` while a turn of this kernel runs."""
        if self.running:
            raise SessionBusy(
                f"Claude is still working in session {self.info.name!r}.",
                fix="Wait for it, or stop it with the ■ button or by interrupting the cell.",
            )

    def recover(self, before: SessionInfo | None = None) -> None:
        """Close what a kernel that died left open in this session (S1).

        `before` is the row as it was before the lease was taken.
        """
        if not may_write(self.info):
            return
        left = recover(self._journal.store, before or self.refresh())
        if left:
            self._journal.put(*left)
            self._journal.refresh()
            self._journal.emit(*(MessageSaved(message=v) for v in left if isinstance(v, Message)))
            self._journal.tell()

    async def _keep(self, turn: Turn) -> None:
        """End the turn once the lease is lost, or the right to write."""
        lost = asyncio.ensure_future(self._lease.keep())
        out = asyncio.ensure_future(self._shut_out.wait())
        try:
            await asyncio.wait([lost, out], return_when=asyncio.FIRST_COMPLETED)
            self._lost = lost.done()
            why = lost.result() if lost.done() else refusal(self.info)
            if why is not None:
                await turn.fail(why)
        finally:
            lost.cancel()
            out.cancel()

    async def _kept_apart(self, turn: Turn, answer: Answer) -> Answer:
        """See to it that an answer can be gone on from where others wrote at the same time (S4).

        Claude's memory can follow one of them only; so ours goes on in a copy.
        """
        others = frozenset(self._theirs - {turn.question.turn_id})
        crossed = self._lost or (self._lease.crossed and bool(others))
        said = any(message.type == "assistant" for message in answer.messages)
        if self._rescue is None or not (crossed and said):
            return answer
        try:
            copy = await self._rescue(self, others)
        except IpyClaudeError as error:
            _log.warning("An answer that another's crossed could not be copied: %s", error)
            return answer
        answer = turn.apart(answer, copy.name)
        await self._lease.settle()
        return answer

    async def _events(
        self, turn: Turn, options: EngineOptions
    ) -> AsyncGenerator[EngineEvent, None]:
        if self._behind and self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()
        engine, self._behind = self._engine, False
        if engine is None:
            # In a thread: the first engine imports the SDK, and views must not wait for that.
            engine = self._engine = await asyncio.to_thread(self._make_engine, self)
        await engine.configure(options)
        along = () if turn.is_over else await self._along.gather(self.info.client_id)
        if turn.is_over:
            yield TurnEnded(ResultBlock(outcome="stopped"))
            return
        # By the turn's id its prompt is found in Claude's own memory.
        asking = engine.ask((*turn.question.content, *along), uuid=turn.question.turn_id)
        try:
            async for event in asking:
                self._note(event)
                yield event
        finally:
            if isinstance(asking, AsyncGenerator):
                await asking.aclose()  # pyright: ignore[reportUnknownMemberType]

    def _note(self, event: EngineEvent) -> None:
        """Keep what is true of the session beyond the turn."""
        if isinstance(event, RateLimit):
            self.rate_limit = event
        elif isinstance(event, TurnStarted):
            self.slash_commands = event.slash_commands

    async def decide(self, request: ToolRequest) -> Decision:
        """Decide a tool call of the running turn; the engine's `ask`."""
        turn = self._running
        if turn is None or turn.state is None:
            return Decision(allow=False, reason="No turn is running.")
        decision = await turn.decide(request)
        if decision.allow and request.name == _LEAVES_PLAN_MODE:
            self.options = replace(self.options, permission_mode="default")
            self._journal.tell()
        return decision

    @property
    def question(self) -> Question | None:
        """What the running turn asks; None while none runs."""
        return self._running.question if self._running is not None else None

    def say(self, what: str, why: str = "") -> None:
        """Tell the reader of the running turn something."""
        if self._running is not None:
            self._running.tell(what, why)

    # -- stop, close ------------------------------------------------------------------

    async def stop(self) -> None:
        """Stop the running turn; what was received stays."""
        if self._running is None:
            return
        self._running.stopping = True
        self._along.stop()
        self._permissions.cancel(self.info.client_id)
        engine = self._engine
        if engine is None:
            return
        await engine.interrupt()
        try:
            await asyncio.wait_for(self._idle.wait(), STOP_SECONDS)
        except asyncio.TimeoutError:
            await engine.close()  # it doesn't react: the process goes, the session stays

    async def _end_engine(self) -> None:
        self._along.stop()
        if self._engine is not None:
            await self._engine.close()

    async def close(self) -> None:
        """End the running turn and the engine's process; the session stays in the store."""
        if self._running is not None:  # Claude may not have been asked yet
            await self._running.fail(turn_ended())
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()
        self._journal.close()
