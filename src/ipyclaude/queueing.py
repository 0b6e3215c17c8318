"""Prompts that were written while Claude works: sent one by one, in order, as turns end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from .exceptions import IpyClaudeError, SessionNotFound
from .exchange import Question
from .messages import new_id
from .protocol import QueueChanged, Queued
from .session import Session


@dataclass
class _Waiting:
    question: Question
    id: str
    text: str
    #: It was put into the running turn, and Claude has yet to hear it.
    telling: bool = False


class PromptQueue:
    """One session's waiting prompts. Used on the loop thread; lost with the kernel.

    After a turn that was stopped or failed they are held, since what was to follow it may no
    longer be wanted, until one of them is sent by hand.
    """

    def __init__(
        self, session: Session, submit: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._session, self._submit = session, submit
        self._waiting: list[_Waiting] = []
        self._held = False
        #: The next one goes whatever became of the turn before it.
        self._now = False
        self._draining = False

    @property
    def queued(self) -> tuple[Queued, ...]:
        """What waits, first first."""
        return tuple(
            Queued(id=w.id, text=w.text, held=self._held, telling=w.telling) for w in self._waiting
        )

    def add(self, question: Question, text: str) -> str:
        """Let a prompt wait for the end of the running turn; return its id here."""
        waiting = _Waiting(question, new_id(), text)
        self._waiting.append(waiting)
        self._held = False
        self._tell()
        self._start()
        return waiting.id

    def remove(self, queued_id: str) -> None:
        """Take a prompt back."""
        self._waiting = [w for w in self._waiting if w.id != queued_id]
        self._tell()

    async def send_now(self, queued_id: str) -> None:
        """Stop the running turn and send this prompt next.

        Raises
        ------
        SessionNotFound
            It has been sent or taken back meanwhile.
        """
        wanted = self._find(queued_id)
        self._waiting = [wanted, *(w for w in self._waiting if w is not wanted)]
        wanted.id = new_id()  # a second click finds it gone
        self._now, self._held = True, False
        self._tell()
        self._start()
        await self._session.stop()

    async def tell_now(self, queued_id: str) -> None:
        """Put a waiting prompt into the running turn: Claude hears it at its next step.

        Raises
        ------
        SessionNotFound
            It has been sent or taken back meanwhile.
        EngineError
            The turn has just ended; the prompt goes next by itself.
        """
        wanted = self._find(queued_id)
        if wanted.telling:
            return
        wanted.telling = True
        self._tell()
        self._start()
        try:
            await self._session.steer(wanted.question.content, lambda: self.remove(wanted.id))
        except IpyClaudeError:
            wanted.telling = False
            self._tell()
            raise

    def _find(self, queued_id: str) -> _Waiting:
        wanted = next((w for w in self._waiting if w.id == queued_id), None)
        if wanted is None:
            raise SessionNotFound("This prompt no longer waits.", fix="See the conversation.")
        return wanted

    def _tell(self) -> None:
        self._session.tell(QueueChanged(queued=self.queued))

    def _start(self) -> None:
        if not self._draining:
            self._draining = True
            self._submit(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._session.until_idle()
                for each in self._waiting:
                    each.telling = False  # the turn was over before Claude heard it
                if self._unwanted():
                    break
                await self._send(self._waiting[0])
        finally:
            self._draining = False
            self._held = bool(self._waiting)
            self._tell()

    def _unwanted(self) -> bool:
        now, self._now = self._now, False
        turn = self._session.turn
        return not self._waiting or (turn is not None and turn.status != "done" and not now)

    async def _send(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        self._tell()
        try:
            await self._session.ask(waiting.question)
        except IpyClaudeError:
            self._waiting.insert(0, waiting)  # not asked: another kernel works, or the disk is full
            raise
