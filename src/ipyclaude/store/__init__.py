"""The store: the one source of truth on this machine.

The notebook reads and writes only a `Store`. `SqliteStore` is the real one;
`ipyclaude.testing.MemoryStore` is the public fake; both pass one contract suite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..messages import (
    Approval,
    Message,
    Rule,
    SessionInfo,
    StreamTail,
    TodoList,
    Value,
)


@dataclass(frozen=True)
class Page:
    """Messages in order, oldest first; `more` says that older ones exist, here or on the server."""

    messages: tuple[Message, ...]
    more: bool


@dataclass(frozen=True)
class Hit:
    """A message that a search found, with the session's name and a marked snippet."""

    session: SessionInfo
    message: Message
    snippet: str


@dataclass(frozen=True)
class Excerpt:
    """A message of a known session that was found, with a marked snippet."""

    message: Message
    snippet: str


Listener = Callable[[Sequence[Value]], None]


class Store(Protocol):
    """What every store can do. All methods may be called from any thread.

    Raises
    ------
    StoreError
        From every method, with what to do.
    """

    def put(self, *values: Value) -> None:
        """Write all values in one transaction, with their outbox rows (S1, S2).

        Each is inserted, or replaces the one of the same `client_id`. Putting a final
        `Message` removes every `StreamTail` whose `message_id` is the message's `client_id`.
        Putting a `SessionInfo` leaves its lease (`holder`, `holder_expires_at`) as it stands,
        its `message_count` and `cost_usd` too: those are the store's. A `Message` without `seq`
        keeps the place that it has.
        """
        ...

    def lease(
        self, session_id: str, holder: str, expires_at: float | None, *, granted: bool = False
    ) -> SessionInfo | None:
        """Take, renew or (with `expires_at` None) give back the session's lease (S4).

        Compare-and-set in one transaction: granted where nobody else holds it or theirs has
        expired. Returns the row as it now stands (the caller looks at `holder`), None if the
        session doesn't exist. `expires_at` is in epoch ms. `granted` says that Convex gave it to
        us, so that what is known here of another server's lease is out of date.
        """
        ...

    def decide(self, approval: Approval) -> Approval:
        """Write a decision if it is still pending; return the row as it now stands.

        Exactly one caller's decision wins, whichever process it comes from.
        """
        ...

    def delete_session(self, session_id: str) -> None:
        """Delete a session with all that belongs to it, transcripts included."""
        ...

    def session(self, ref: str) -> SessionInfo | None:
        """Find a session by id, by a unique id prefix (8 characters or more), or by exact name.

        The most recently active wins where several share a name. Deleted ones are never found.
        """
        ...

    def sessions(
        self,
        query: str = "",
        *,
        archived: bool = False,
        limit: int = 50,
        offset: int = 0,
        notebook: str | None = None,
    ) -> list[SessionInfo]:
        """List sessions, most recently active first; `query` matches name, title and cwd."""
        ...

    def messages(
        self,
        session_id: str,
        *,
        before: str | None = None,
        limit: int = 100,
        turn_id: str | None = None,
    ) -> Page:
        """Return the last `limit` messages before the message with id `before` (else the end).

        With `turn_id`, only that turn's.
        """
        ...

    def answered(self, session_id: str, prompt_hash: str) -> list[Message]:
        """Return prompts (oldest first) with this hash whose turn ended with outcome `done`."""
        ...

    def todos(self, session_id: str) -> TodoList:
        """Return the session's to-do list, empty if it has none."""
        ...

    def tails(self, session_id: str) -> list[StreamTail]:
        """Return the pieces of unfinished answers, by message (oldest first) and start."""
        ...

    def approvals(self, session_id: str, *, pending: bool = True) -> list[Approval]:
        """Return the session's approvals, oldest first; only the pending ones by default."""
        ...

    def rules(self, session_id: str | None = None) -> list[Rule]:
        """Return the rules in force everywhere, and those of `session_id`."""
        ...

    def search(self, text: str, *, limit: int = 20) -> list[Hit]:
        """Full-text search over messages, best first."""
        ...

    def find(
        self, session_id: str, text: str, *, limit: int = 50, offset: int = 0
    ) -> list[Excerpt]:
        """Return the session's messages that hold all words, newest first.

        With a text that has no words: its prompts. The first `offset` of them are left out.
        """
        ...

    def usage(self, session_id: str | None = None) -> list[dict[str, object]]:
        """Return cost and tokens by day and session, of the turns that used something.

        Keys: `day` (YYYY-MM-DD, local time), `session_id`, `name`, `turns`, `cost_usd`,
        `input_tokens`, `output_tokens`; newest day first.
        """
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with what any process wrote after now; return the unsubscriber.

        Own writes arrive at once on the writing thread; those of other processes within
        half a second, on the store's watcher thread, which runs only while somebody listens.
        Each value arrives at least once, in the order of writing. A deleted session arrives
        as its `SessionInfo` with `deleted_at` set.
        """
        ...

    def close(self) -> None:
        """Close files and threads; further calls raise `StoreUnavailable`."""
        ...
