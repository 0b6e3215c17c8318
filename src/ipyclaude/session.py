"""One conversation: prompts in, events out, everything in the store.

A `Session` lives on the loop thread. It is handed its store, its engine and its
permissions; it holds the session's lease while a turn runs (S4), writes each message before
it tells anybody that the message is complete (S1), and closes what a dead kernel left open.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .engine import (
    BlockDelta,
    BlockStarted,
    Decision,
    Engine,
    EngineEvent,
    EngineOptions,
    MessageDone,
    Notice,
    RateLimit,
    TodosChanged,
    ToolRequest,
    TurnEnded,
    TurnStarted,
)
from .exceptions import EngineError, IpyClaudeError, SessionBusy, StoreError, StoreLocked
from .fold import LiveBlocks
from .leases import Lease
from .messages import (
    Approval,
    ContentBlock,
    Message,
    NoticeBlock,
    Phase,
    ResultBlock,
    SessionInfo,
    StreamTail,
    TextBlock,
    TodoList,
    Value,
    new_id,
    now_ms,
)
from .permissions import Asker, Permissions
from .protocol import (
    ApprovalChanged,
    Event,
    LiveBlock,
    MessageSaved,
    SessionChanged,
    TodosReplaced,
    TurnChanged,
    TurnState,
)
from .recovery import recover
from .remote import RemoteTails
from .store import Store

_log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 0.25  # S1: what a kill may cost of a streaming answer
STOP_SECONDS = 5.0  # how long a stopped turn may take to end by itself
_TITLE_CHARS = 80

EngineFactory = Callable[["Session"], Engine]
Listener = Callable[[Sequence[Event]], None]


@dataclass(frozen=True)
class Question:
    """What one turn asks, and how.

    `changes` are `EngineOptions` fields for this turn alone. `ask` shows an approval to a
    person; None says that nobody is there to answer.
    """

    content: tuple[ContentBlock, ...]
    prompt_hash: str | None = None
    cell_id: str | None = None
    changes: dict[str, Any] = field(default_factory=dict[str, Any])
    allow: tuple[str, ...] = ()
    ask: Asker | None = None
    turn_id: str = field(default_factory=new_id)

    @property
    def title(self) -> str:
        """The prompt's first line, shortened."""
        text = next((b.text for b in self.content if isinstance(b, TextBlock)), "")
        line = text.strip().splitlines()[0] if text.strip() else ""
        return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1] + "…"


@dataclass(frozen=True)
class Answer:
    """A finished turn: its messages in order, and how it ended."""

    turn: TurnState
    messages: tuple[Message, ...]
    error: IpyClaudeError | None = None

    @property
    def text(self) -> str:
        """What Claude said last, as Markdown, without thinking, tools or subagents."""
        parts: list[str] = []
        for message in self.messages:
            if message.type == "tool":
                parts.clear()
            elif message.type == "assistant" and message.parent_tool_use_id is None:
                parts.extend([message.text] if message.text else [])
        return "\n\n".join(parts)


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
        holder: str,
    ) -> None:
        self.info = info
        self.options = options
        self.rate_limit: RateLimit | None = None
        self.turn: TurnState | None = None
        self.slash_commands: tuple[str, ...] = ()
        self._store = store
        self._permissions = permissions
        self._make_engine = make_engine
        self._engine: Engine | None = None
        self._lease = Lease(store, info.client_id, holder)
        self._listeners: list[Listener] = []
        self._live: LiveBlocks | None = None
        self._remote = RemoteTails(info.client_id)
        self._question: Question | None = None
        self._messages: list[Message] = []
        self._stopping = False
        self._idle = asyncio.Event()
        #: Own writes that the store has yet to tell us of, by kind and id.
        self._own: collections.Counter[tuple[type, str]] = collections.Counter()
        #: Why the running turn cannot go on, though the engine could.
        self._broken: IpyClaudeError | None = None

    # -- who listens ------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the loop thread with what happens; return the unsubscriber."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def _emit(self, *events: Event) -> None:
        for listener in list(self._listeners):
            try:
                listener(events)
            except Exception:  # noqa: BLE001 - one broken view must not end the turn
                _log.exception("a view of session %s failed", self.info.client_id)

    def live(self) -> tuple[LiveBlock, ...]:
        """The blocks that are growing now, here or in another kernel."""
        own = self._live.live() if self._live is not None else ()
        return own or self._remote.live()

    def heard(self, values: Sequence[Value]) -> None:
        """Take in what another kernel wrote to this session (loop thread)."""
        mine = [
            v
            for v in values
            if getattr(v, "session_id", v.client_id) == self.info.client_id and not self._is_own(v)
        ]
        for value in mine:
            if isinstance(value, SessionInfo):
                self.info = value
        events = self._remote.events(mine)
        if events:
            self._emit(*events)

    def refresh(self) -> SessionInfo:
        """Read the session's row again (its name and counters may have changed)."""
        self.info = self._store.session(self.info.client_id) or self.info
        return self.info

    def _put(self, *values: Value) -> None:
        # By id and not by time: the store may tell of it on another thread, and of what others
        # wrote while this one writes.
        marks = collections.Counter((type(v), v.client_id) for v in values)
        self._own.update(marks)
        try:
            self._store.put(*values)
        except BaseException:
            self._own.subtract(marks)
            raise

    def _is_own(self, value: Value) -> bool:
        mark = (type(value), value.client_id)
        if self._own[mark] <= 0:
            del self._own[mark]
            return False
        self._own[mark] -= 1
        return True

    # -- a turn -----------------------------------------------------------------------

    async def ask(self, question: Question) -> Answer:
        """Run one turn.

        A turn that fails is an `Answer` with `error`: what was received is kept in it.

        Raises
        ------
        SessionBusy
            A turn is running, here or in another kernel.
        StoreError
            The prompt could not be stored; nothing was asked.
        """
        self.check_free()
        self._question = question
        self._stopping, self._broken = False, None
        self._idle.clear()
        try:
            self.info = self._lease.take(self.info)
            self.recover()
            heartbeat = asyncio.ensure_future(self._keep())
            try:
                return await self._run(question)
            finally:
                heartbeat.cancel()
                self._lease.give_back()
        finally:
            self._question = None
            self._live = None
            self._idle.set()

    def check_free(self) -> None:
        """Raise `SessionBusy` while a turn of this kernel runs."""
        if self._question is not None:
            raise SessionBusy(
                f"Claude is still working in session {self.info.name!r}.",
                fix="Wait for it, or stop it with the ■ button or by interrupting the cell.",
            )

    def recover(self) -> None:
        """Close what a kernel that died left open in this session (S1)."""
        found = recover(self._store, self.refresh())
        if found:
            self._put(*found)
            self.refresh()
            self._emit(*(MessageSaved(message=v) for v in found if isinstance(v, Message)))
            self._emit(SessionChanged(session=self.info))

    async def _run(self, question: Question) -> Answer:
        turn_id = question.turn_id
        self._live = LiveBlocks(self.info.client_id, turn_id)
        self._begin(question, turn_id)
        error: IpyClaudeError | None = None
        result = ResultBlock(outcome="failed")
        checkpoints = asyncio.ensure_future(self._checkpoint())
        events = self._events(question)
        try:
            async for event in events:
                if isinstance(event, TurnEnded):
                    result = event.result
                else:
                    self._fold(event, turn_id)
        except asyncio.CancelledError:
            self._ended(turn_id, ResultBlock(outcome="stopped"), None)
            raise
        except IpyClaudeError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - the turn must end whole, and say so
            _log.exception("a turn of session %s failed", self.info.client_id)
            error = _unforeseen(failure)
        finally:
            checkpoints.cancel()
            await events.aclose()  # an engine that was left in mid-turn ends its process
        error = self._broken or error
        if self._stopping and isinstance(error, EngineError):
            error, result = None, ResultBlock(outcome="stopped")
        if error is not None:
            result = ResultBlock(outcome="failed")
        return self._ended(turn_id, result, error)

    async def _keep(self) -> None:
        await self._lease.keep()
        await self._break(
            SessionBusy(
                f"Another kernel took session {self.info.name!r} over.",
                why="This one had not been heard of for too long, or the session was deleted.",
                fix="Go on there, or in a copy: %claude_session fork.",
            )
        )

    async def _break(self, error: IpyClaudeError) -> None:
        """End the running turn with an error that is not the engine's."""
        self._broken = error
        self._permissions.cancel(self.info.client_id)
        if self._engine is not None:
            await self._engine.close()

    async def _events(self, question: Question) -> AsyncGenerator[EngineEvent, None]:
        engine = self._engine
        if engine is None:
            # In a thread: the first engine imports the SDK, and views must not wait for that.
            engine = self._engine = await asyncio.to_thread(self._make_engine, self)
        await engine.configure(replace(self.options, **question.changes))
        if self._stopping:
            yield TurnEnded(ResultBlock(outcome="stopped"))
            return
        asking = engine.ask(question.content)
        try:
            async for event in asking:
                yield event
        finally:
            if isinstance(asking, AsyncGenerator):
                await asking.aclose()  # pyright: ignore[reportUnknownMemberType]

    def _begin(self, question: Question, turn_id: str) -> None:
        prompt = Message(
            session_id=self.info.client_id,
            type="user",
            content=question.content,
            turn_id=turn_id,
            prompt_hash=question.prompt_hash,
            cell_id=question.cell_id,
        )
        self.turn = TurnState(
            turn_id=turn_id,
            status="running",
            started_at=prompt.timestamp,
            prompt=question.title,
            model=self.options.model,
        )
        self._messages = [prompt]
        self.info = self.info.model_copy(
            update={
                "phase": Phase(type="running"),
                "title": self.info.title or question.title,
                "last_activity_at": prompt.timestamp,
            }
        )
        self._put(prompt, self.info)
        self._emit(
            MessageSaved(message=prompt),
            TurnChanged(turn=self.turn),
            SessionChanged(session=self.info),
        )

    def _fold(self, event: EngineEvent, turn_id: str) -> None:
        live = self._live
        assert live is not None
        if isinstance(event, BlockStarted):
            self._emit(*live.opened(event))
        elif isinstance(event, BlockDelta):
            grown = live.grew(event)
            if grown:
                self._emit(*grown)
        elif isinstance(event, MessageDone):
            messages, events = live.landed(event)
            self._save(messages, events)
        elif isinstance(event, TodosChanged):
            todos = TodoList(
                client_id=self.info.client_id, session_id=self.info.client_id, todos=event.todos
            )
            self._put(todos)
            self._emit(TodosReplaced(todos=event.todos))
        elif isinstance(event, Notice):
            self._save_notice(event, turn_id)
        elif isinstance(event, RateLimit):
            self.rate_limit = event
        elif isinstance(event, TurnStarted):
            self._started(event)

    def _started(self, event: TurnStarted) -> None:
        self.slash_commands = event.slash_commands
        update = {"claude_session_id": event.session_id, "model": event.model or self.info.model}
        if any(getattr(self.info, name) != value for name, value in update.items()):
            self.info = self.info.model_copy(update=update)
            self._put(self.info)
        self._turn(model=self.info.model)

    def _turn(self, **changes: Any) -> None:
        assert self.turn is not None
        self.turn = self.turn.model_copy(update=changes)
        self._emit(TurnChanged(turn=self.turn))

    def _save(self, messages: Sequence[Message], events: Sequence[Event]) -> None:
        if messages:
            self._put(*messages)
            self._messages.extend(messages)
        if events:
            self._emit(*events)

    def _save_notice(self, notice: Notice, turn_id: str) -> None:
        block = NoticeBlock(
            level=notice.level,
            kind=notice.kind,
            what=notice.what,
            why=notice.why,
            fix=notice.fix,
        )
        message = Message(
            session_id=self.info.client_id, type="system", content=(block,), turn_id=turn_id
        )
        self._save([message], [MessageSaved(message=message)])

    async def _checkpoint(self) -> None:
        pieces: list[StreamTail] = []
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            pieces += self._live.pieces() if self._live is not None else []
            known = {m.client_id for m in self._messages}
            pieces = [piece for piece in pieces if piece.message_id not in known]
            if not pieces:
                continue
            try:
                self._put(*pieces)
                pieces = []
            except StoreLocked as error:
                _log.warning("An answer could not be kept yet: %s", error)
            except StoreError as error:
                await self._break(error)
                return

    def _ended(self, turn_id: str, result: ResultBlock, error: IpyClaudeError | None) -> Answer:
        """End the turn in the store; where that can't be written, at least for all views."""
        try:
            return self._end(turn_id, result, error)
        except StoreError as failure:
            error = error if isinstance(error, StoreError) else failure
        block = NoticeBlock(
            level="error", kind=type(error).__name__, what=error.what, why=error.why, fix=error.fix
        )
        notice = Message(
            session_id=self.info.client_id, type="system", content=(block,), turn_id=turn_id
        )
        self._messages.append(notice)
        phase = Phase(type="error", error_message=error.what)
        self.info = self.info.model_copy(update={"phase": phase})
        self._emit(MessageSaved(message=notice), SessionChanged(session=self.info))
        self._turn(status="failed", result=ResultBlock(outcome="failed"))
        assert self.turn is not None
        return Answer(self.turn, tuple(self._messages), error)

    def _end(self, turn_id: str, result: ResultBlock, error: IpyClaudeError | None) -> Answer:
        assert self._live is not None
        self._save(*self._live.abandoned())
        for approval in self._permissions.cancel(self.info.client_id):
            self._emit(ApprovalChanged(approval=approval))
        if error is not None:
            kind = type(error).__name__
            self._save_notice(Notice(kind, error.what, error.why, error.fix, "error"), turn_id)
        result = result.model_copy(update={"model": result.model or self.info.model})
        message = Message(
            session_id=self.info.client_id,
            type="result",
            content=(result,),
            turn_id=turn_id,
            cost=result.cost_usd,
            model=result.model,
        )
        phase = Phase(type="error", error_message=error.what) if error else Phase()
        self.info = self.info.model_copy(update={"phase": phase, "last_activity_at": now_ms()})
        self._put(message, self.info)
        self.refresh()
        self._messages.append(message)
        self._turn(status=result.outcome, result=result)
        self._emit(MessageSaved(message=message), SessionChanged(session=self.info))
        assert self.turn is not None
        return Answer(self.turn, tuple(self._messages), error)

    # -- permissions, stop, close ------------------------------------------------------

    async def decide(self, request: ToolRequest) -> Decision:
        """Decide a tool call of the running turn; the engine's `ask`."""
        question, turn = self._question, self.turn
        if question is None or turn is None:
            return Decision(allow=False, reason="No turn is running.")
        asker = question.ask

        async def ask(approval: Approval) -> None:
            self._waiting("waiting")
            self._emit(ApprovalChanged(approval=approval))
            if asker is not None:
                await asker(approval)

        decision = await self._permissions.decide(
            request,
            session_id=self.info.client_id,
            turn_id=turn.turn_id,
            ask=ask if asker is not None else None,
            allow=question.allow,
        )
        self._tell_decided(request)
        self._waiting("running")
        return decision

    def _tell_decided(self, request: ToolRequest) -> None:
        for approval in self._store.approvals(self.info.client_id, pending=False):
            if approval.tool_use_id == request.tool_use_id:
                self._emit(ApprovalChanged(approval=approval))

    def _waiting(self, status: str) -> None:
        if self.turn is None or self.turn.status == status or self._question is None:
            return
        self.info = self.info.model_copy(update={"phase": Phase.model_validate({"type": status})})
        self._put(self.info)
        self._turn(status=status)
        self._emit(SessionChanged(session=self.info))

    async def stop(self) -> None:
        """Stop the running turn; what was received stays."""
        if self._question is None:
            return
        self._stopping = True
        self._permissions.cancel(self.info.client_id)
        engine = self._engine
        if engine is None:
            return
        await engine.interrupt()
        try:
            await asyncio.wait_for(self._idle.wait(), STOP_SECONDS)
        except asyncio.TimeoutError:
            await engine.close()  # it doesn't react: the process goes, the session stays

    def rename(self, name: str) -> None:
        """Give the session another name."""
        self.info = self.info.model_copy(update={"name": name})
        self._put(self.info)
        self._emit(SessionChanged(session=self.info))

    @property
    def running(self) -> bool:
        """True while a turn of this kernel runs."""
        return self._question is not None

    async def close(self) -> None:
        """End the engine's process; the session stays in the store."""
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()
        self._listeners.clear()


def _unforeseen(error: Exception) -> EngineError:
    return EngineError(
        "The turn failed in a way that was not foreseen.",
        why=f"{type(error).__name__}: {error}",
        fix="Ask again; if it goes on, please report it.",
    )
