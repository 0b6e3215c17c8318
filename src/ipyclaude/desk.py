"""What a view of a session needs of the whole; `extension.App` is it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .entrance import Entrance
from .host import Host
from .notebook.recording import CellRun
from .permissions import Permissions
from .protocol import Status
from .queueing import PromptQueue
from .requests import GuestRole
from .results import ShareResult
from .runtime import Runtime
from .session import Session
from .store import Store

if TYPE_CHECKING:
    from .widget import View


class Desk(Protocol):
    """What a view needs: the session's parts, and what is done to sessions."""

    @property
    def runtime(self) -> Runtime:
        """The loop thread."""
        ...

    @property
    def store(self) -> Store:
        """What the views read."""
        ...

    @property
    def host(self) -> Host:
        """The shell that loaded us."""
        ...

    @property
    def permissions(self) -> Permissions:
        """Who takes the answers to approvals."""
        ...

    def status(self, session: Session | None) -> Status:
        """The state line."""
        ...

    def keep(self, view: View) -> None:
        """Close this view when the extension is unloaded."""
        ...

    def session(self, ref: str | None) -> Session:
        """Return a session by name or id, else the notebook's own (any thread)."""
        ...

    async def open(self, ref: str) -> Session:
        """Open a session by id or name."""
        ...

    async def new(self, name: str = "") -> Session:
        """Make a session."""
        ...

    async def fork(self, session: Session, name: str, at: str | None) -> Session:
        """Copy a session, whole or up to the message `at`, and open the copy."""
        ...

    async def older(self, session_id: str, before: str, limit: int) -> None:
        """See to it that older messages are in the store, if they can be had."""
        ...

    def configure(
        self, session: Session, *, model: str | None, mode: str | None, effort: str | None
    ) -> None:
        """Change model, permission mode or effort from the next turn on."""
        ...

    def queue(self, session: Session) -> PromptQueue:
        """Return the session's waiting prompts."""
        ...

    def archive(self, session_id: str, archived: bool) -> None:
        """Put a session away, or take it out again."""
        ...

    def rename(self, session_id: str, name: str) -> None:
        """Give a session another name."""
        ...

    async def delete(self, session_id: str) -> None:
        """Delete a session with all that belongs to it."""
        ...

    def sync_session(self, session: Session) -> None:
        """Let a session that is only here go to Convex (any thread)."""
        ...

    async def take_over(self, session: Session) -> None:
        """End the turn that somebody else runs in one's own session."""
        ...

    @property
    def entrance(self) -> Entrance:
        """Where one signs in and out."""
        ...

    @property
    def namespace(self) -> Mapping[str, Any]:
        """The user's variables."""
        ...

    async def share(self, session_id: str, role: GuestRole) -> ShareResult:
        """Make a code by which one person may join a session."""
        ...

    def waiting(self, session_ids: Sequence[str]) -> dict[str, int] | None:
        """Say how many changes of each session have yet to go; None where sessions stay here."""
        ...

    @property
    def cells(self) -> Sequence[CellRun]:
        """The user's cells that ran in this kernel, oldest first."""
        ...
