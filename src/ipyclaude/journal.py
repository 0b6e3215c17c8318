"""What a session writes and tells: values into the store first, then events to its views (S1)."""

from __future__ import annotations

import collections
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from .engine import Notice
from .messages import Message, NoticeBlock, SessionInfo, Value
from .protocol import Event, LiveBlock, SessionChanged
from .remote import RemoteTails
from .store import Store

_log = logging.getLogger(__name__)

#: Messages of others that a view is told one by one; more of them are drawn at once.
_ONE_BY_ONE = 20


class Redraw:
    """What is stored is no longer what was told, followed by more: draw it from the store."""


Told = Event | Redraw
Listener = Callable[[Sequence[Told]], None]


class Journal:
    """One session's row, its values on their way to the store, and who hears of them.

    Used from the loop thread.
    """

    def __init__(self, info: SessionInfo, store: Store) -> None:
        self.info = info
        self.store = store
        self._listeners: list[Listener] = []
        self._remote = RemoteTails(info.client_id)
        #: Own writes that the store has yet to tell us of, by kind and id.
        self._own: collections.Counter[tuple[type, str]] = collections.Counter()

    # -- who listens ------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the loop thread with what happens; return the unsubscriber."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def emit(self, *events: Told) -> None:
        """Tell the views."""
        for listener in list(self._listeners):
            try:
                listener(events)
            except Exception:  # noqa: BLE001 - one broken view must not end the turn
                _log.exception("a view of session %s failed", self.info.client_id)

    def close(self) -> None:
        """Forget the views."""
        self._listeners.clear()

    # -- writing ----------------------------------------------------------------------

    def put(self, *values: Value) -> None:
        """Write values to the store."""
        # By id and not by time: the store may tell of it on another thread, and of what others
        # wrote while this one writes.
        marks = collections.Counter((type(v), v.client_id) for v in values)
        self._own.update(marks)
        try:
            self.store.put(*values)
        except BaseException:
            self._own.subtract(marks)
            raise

    def change(self, *first: Message, **changes: Any) -> None:
        """Write the session's row with these changes, together with messages before it."""
        self.info = self.info.model_copy(update=changes)
        self.put(*first, self.info)

    def tell(self) -> None:
        """Tell the views how the session's row now stands."""
        self.emit(SessionChanged(session=self.info))

    def refresh(self) -> SessionInfo:
        """Read the session's row again (its name and counters may have changed)."""
        self.info = self.store.session(self.info.client_id) or self.info
        return self.info

    def notice(self, notice: Notice, turn_id: str) -> Message:
        """Return the message that a notice becomes."""
        return notice_message(notice, self.info.client_id, turn_id)

    # -- what others write --------------------------------------------------------------

    def remote(self) -> tuple[LiveBlock, ...]:
        """The blocks that another kernel is writing."""
        return self._remote.live()

    def heard(self, values: Sequence[Value]) -> list[Message]:
        """Take in what another kernel wrote to this session; return its messages."""
        theirs = [
            v
            for v in values
            if getattr(v, "session_id", v.client_id) == self.info.client_id and not self._is_own(v)
        ]
        for value in theirs:
            if isinstance(value, SessionInfo):
                self.info = value
        events = self._remote.events(theirs)
        messages = [value for value in theirs if isinstance(value, Message)]
        if messages and not self._follow(messages):
            self.emit(Redraw())
        elif events:
            self.emit(*events)
        return messages

    def _follow(self, messages: Sequence[Message]) -> bool:
        """Say whether these come after all that was there before them, and are few."""
        if len(messages) > _ONE_BY_ONE:
            return False
        last = self.store.messages(self.info.client_id, limit=len(messages)).messages
        return {m.client_id for m in last} == {m.client_id for m in messages}

    def _is_own(self, value: Value) -> bool:
        mark = (type(value), value.client_id)
        if self._own[mark] <= 0:
            del self._own[mark]
            return False
        self._own[mark] -= 1
        return True


def notice_message(notice: Notice, session_id: str, turn_id: str) -> Message:
    """Return the message that a notice becomes in a turn."""
    block = NoticeBlock(
        level=notice.level,
        kind=notice.kind,
        what=notice.what,
        why=notice.why,
        fix=notice.fix,
    )
    return Message(session_id=session_id, type="system", content=(block,), turn_id=turn_id)
