"""One turn: from the question, through the engine's events, to the answer.

A `Turn` is fed with events and writes what they become: each message is in the store before
anybody is told that it is complete (S1), and a turn that fails ends whole, with what it had (S14).
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from .engine import (
    BlockDelta,
    BlockStarted,
    Decision,
    EngineEvent,
    Heard,
    MessageDone,
    Notice,
    TodosChanged,
    ToolPrinted,
    ToolRequest,
    TurnEnded,
    TurnStarted,
)
from .exceptions import EngineError, IpyClaudeError, SessionBusy, StoreError, StoreLocked
from .exchange import Answer, Question
from .fold import LiveBlocks
from .journal import Journal
from .messages import (
    FORKED,
    Approval,
    ContentBlock,
    Message,
    Phase,
    ResultBlock,
    StreamTail,
    TodoList,
    new_id,
    now_ms,
)
from .permissions import Permissions
from .protocol import (
    ApprovalChanged,
    Event,
    LiveBlock,
    MessageSaved,
    Printed,
    SessionChanged,
    TodosReplaced,
    TurnChanged,
    TurnState,
)

_log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 0.25  # S1: what a kill may cost of a streaming answer


class Turn:
    """One running turn of a session (loop thread)."""

    def __init__(
        self,
        question: Question,
        journal: Journal,
        permissions: Permissions,
        *,
        model: str | None,
        end_engine: Callable[[], Awaitable[None]],
    ) -> None:
        self.question = question
        #: None until the prompt is stored.
        self.state: TurnState | None = None
        #: The user stopped it; it ends as soon as the engine does.
        self.stopping = False
        self._journal = journal
        self._permissions = permissions
        self._model = model
        self._end_engine = end_engine
        self._blocks = LiveBlocks(journal.info.client_id, question.turn_id)
        self._messages: list[Message] = []
        #: What was put into the turn and Claude has yet to hear, and who wants to know that.
        self._unheard: dict[str, tuple[tuple[ContentBlock, ...], Callable[[], None]]] = {}
        #: Why the turn cannot go on, though the engine could.
        self._broken: IpyClaudeError | None = None

    @property
    def _session_id(self) -> str:
        return self._journal.info.client_id

    @property
    def is_over(self) -> bool:
        """Whether it is to end: Claude is asked nothing for it any more."""
        return self.stopping or self._broken is not None

    def live(self) -> tuple[LiveBlock, ...]:
        """The blocks that are growing now."""
        return self._blocks.live()

    def printed(self) -> tuple[Printed, ...]:
        """What the commands that run now have printed so far."""
        return self._blocks.printed()

    async def run(self, events: AsyncGenerator[EngineEvent, None]) -> Answer:
        """Store the prompt, fold the engine's events, and end the turn whatever happens.

        Raises
        ------
        StoreError
            The prompt could not be stored; nothing was asked.
        """
        self._begin()
        error: IpyClaudeError | None = None
        result = ResultBlock(outcome="failed")
        checkpoints = asyncio.ensure_future(self._checkpoint())
        try:
            async for event in events:
                if isinstance(event, TurnEnded):
                    result = event.result
                else:
                    self._fold(event)
        except asyncio.CancelledError:
            self._ended(ResultBlock(outcome="stopped"), None)
            raise
        except IpyClaudeError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - the turn must end whole, and say so
            _log.exception("a turn of session %s failed", self._session_id)
            error = _unforeseen(failure)
        finally:
            checkpoints.cancel()
            await events.aclose()  # an engine that was left in mid-turn ends its process
        cost = error.cost_usd if isinstance(error, EngineError) else result.cost_usd
        error = self._broken or error
        if self.stopping and isinstance(error, EngineError):
            error, result = None, ResultBlock(outcome="stopped", cost_usd=cost)
        if error is not None:
            result = ResultBlock(outcome="failed", cost_usd=cost)
        return self._ended(result, error)

    async def fail(self, error: IpyClaudeError) -> None:
        """End the turn with an error that is not the engine's."""
        self._broken = error
        self._permissions.cancel(self._session_id)
        await self._end_engine()

    def expect(self, content: tuple[ContentBlock, ...], heard: Callable[[], None]) -> str:
        """Return the id by which `Heard` will say that Claude took up these words."""
        key = new_id()
        self._unheard[key] = (content, heard)
        return key

    def tell(self, what: str, why: str = "") -> None:
        """Tell the reader something of this turn."""
        self._save_notice(Notice("notebook", what, why))

    def apart(self, answer: Answer, name: str) -> Answer:
        """Tell the reader of an ended turn that it goes on in a copy; return the answer so."""
        notice = forked_notice(self._journal.info.name, name)
        message = self._journal.notice(notice, self.question.turn_id)
        self._save([message], [MessageSaved(message=message)])
        error = answer.error
        if isinstance(error, SessionBusy):
            error = SessionBusy(
                error.what, why=error.why, fix=f"What was received is kept. {notice.fix}"
            )
        return Answer(answer.turn, tuple(self._messages), error)

    # -- beginning, going on ------------------------------------------------------------

    def _begin(self) -> None:
        question, journal = self.question, self._journal
        prompt = Message(
            session_id=self._session_id,
            type="user",
            content=question.content,
            turn_id=question.turn_id,
            prompt_hash=question.prompt_hash,
            cell_id=question.cell_id,
        )
        self.state = TurnState(
            turn_id=question.turn_id,
            status="running",
            started_at=prompt.timestamp,
            prompt=question.title,
            model=self._model,
        )
        self._messages = [prompt]
        journal.change(
            prompt,
            phase=Phase(type="running"),
            title=journal.info.title or question.title,
            last_activity_at=prompt.timestamp,
        )
        journal.emit(
            MessageSaved(message=prompt),
            TurnChanged(turn=self.state),
            SessionChanged(session=journal.info),
        )

    def _fold(self, event: EngineEvent) -> None:
        journal = self._journal
        if isinstance(event, BlockStarted):
            journal.emit(*self._blocks.opened(event))
        elif isinstance(event, BlockDelta | ToolPrinted):
            grown = self._blocks.grew(event)
            if grown:
                journal.emit(*grown)
        elif isinstance(event, MessageDone):
            self._save(*self._blocks.landed(event))
        elif isinstance(event, TodosChanged):
            journal.put(
                TodoList(client_id=self._session_id, session_id=self._session_id, todos=event.todos)
            )
            journal.emit(TodosReplaced(todos=event.todos))
        elif isinstance(event, Notice):
            self._save_notice(event)
        elif isinstance(event, TurnStarted):
            self._started(event)
        elif isinstance(event, Heard) and event.uuid in self._unheard:
            self._heard(event.uuid)

    def _heard(self, key: str) -> None:
        """Let the words stand where Claude heard them."""
        content, heard = self._unheard.pop(key)
        said = Message(
            client_id=key,
            session_id=self._session_id,
            type="user",
            content=content,
            turn_id=self.question.turn_id,
        )
        self._save([said], [MessageSaved(message=said)])
        heard()

    def _started(self, event: TurnStarted) -> None:
        info = self._journal.info
        update = {"claude_session_id": event.session_id, "model": event.model or info.model}
        if any(getattr(info, name) != value for name, value in update.items()):
            self._journal.change(**update)
        self._change(model=self._journal.info.model)

    def _change(self, **changes: Any) -> None:
        assert self.state is not None
        self.state = self.state.model_copy(update=changes)
        self._journal.emit(TurnChanged(turn=self.state))

    def _save(self, messages: Sequence[Message], events: Sequence[Event]) -> None:
        if messages:
            self._journal.put(*messages)
            self._messages.extend(messages)
        if events:
            self._journal.emit(*events)

    def _save_notice(self, notice: Notice) -> None:
        message = self._journal.notice(notice, self.question.turn_id)
        self._save([message], [MessageSaved(message=message)])

    async def _checkpoint(self) -> None:
        pieces: list[StreamTail] = []
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            pieces += self._blocks.pieces()
            known = {m.client_id for m in self._messages}
            pieces = [piece for piece in pieces if piece.message_id not in known]
            if not pieces:
                continue
            try:
                self._journal.put(*pieces)
                pieces = []
            except StoreLocked as error:
                _log.warning("An answer could not be kept yet: %s", error)
            except StoreError as error:
                await self.fail(error)
                return

    # -- ending -------------------------------------------------------------------------

    def _ended(self, result: ResultBlock, error: IpyClaudeError | None) -> Answer:
        """End the turn in the store; where that can't be written, at least for all views."""
        try:
            return self._end(result, error)
        except StoreError as failure:
            error = error if isinstance(error, StoreError) else failure
        journal = self._journal
        notice = journal.notice(_notice_of(error), self.question.turn_id)
        self._messages.append(notice)
        phase = Phase(type="error", error_message=error.what)
        journal.info = journal.info.model_copy(update={"phase": phase})
        journal.emit(MessageSaved(message=notice), SessionChanged(session=journal.info))
        self._change(status="failed", result=ResultBlock(outcome="failed"))
        return self._answer(error)

    def _end(self, result: ResultBlock, error: IpyClaudeError | None) -> Answer:
        journal = self._journal
        self._save(*self._blocks.abandoned())
        for approval in self._permissions.cancel(self._session_id):
            journal.emit(ApprovalChanged(approval=approval))
        if error is not None:
            self._save_notice(_notice_of(error))
        result = result.model_copy(update={"model": result.model or journal.info.model})
        message = Message(
            session_id=self._session_id,
            type="result",
            content=(result,),
            turn_id=self.question.turn_id,
            cost=result.cost_usd,
            model=result.model,
        )
        phase = Phase(type="error", error_message=error.what) if error else Phase()
        journal.change(message, phase=phase, last_activity_at=now_ms())
        journal.refresh()
        self._messages.append(message)
        self._change(status=result.outcome, result=result)
        journal.emit(MessageSaved(message=message), SessionChanged(session=journal.info))
        return self._answer(error)

    def _answer(self, error: IpyClaudeError | None) -> Answer:
        assert self.state is not None
        return Answer(self.state, tuple(self._messages), error)

    # -- permissions ----------------------------------------------------------------------

    async def decide(self, request: ToolRequest) -> Decision:
        """Decide a tool call of this turn, by rule or by asking."""
        asker = self.question.ask

        async def ask(approval: Approval) -> None:
            self._now("waiting")
            self._journal.emit(ApprovalChanged(approval=approval))
            if asker is not None:
                await asker(approval)

        decision = await self._permissions.decide(
            request,
            session_id=self._session_id,
            turn_id=self.question.turn_id,
            ask=ask if asker is not None else None,
            allow=self.question.allow,
        )
        for approval in self._journal.store.approvals(self._session_id, pending=False):
            if approval.tool_use_id == request.tool_use_id:
                self._journal.emit(ApprovalChanged(approval=approval))
        self._now("running")
        return decision

    def _now(self, status: str) -> None:
        # A turn that has ended stays so, though a question of it is answered only now.
        if self.state is None or self.state.status not in {"running", "waiting"} - {status}:
            return
        self._journal.change(phase=Phase.model_validate({"type": status}))
        self._change(status=status)
        self._journal.tell()


def forked_notice(name: str, copy: str) -> Notice:
    """Say of a turn that another server's crossed where to go on from it; `copy` may be none."""
    what = f"Another kernel worked in session {name!r} meanwhile."
    why = "Claude's memory can follow one of the two; this answer's is kept in a copy."
    fix = f"To go on from this answer: %claude_session open {shlex.quote(copy)}"
    if not copy:
        why, fix = "Claude's memory follows the other one; nothing was answered here.", "Ask again."
    return Notice(FORKED, what, why, fix, "warning")


def _notice_of(error: IpyClaudeError) -> Notice:
    return Notice(type(error).__name__, error.what, error.why, error.fix, "error")


def _unforeseen(error: Exception) -> EngineError:
    return EngineError(
        "The turn failed in a way that was not foreseen.",
        why=f"{type(error).__name__}: {error}",
        fix="Ask again; if it goes on, please report it.",
    )
