"""A page as a view of a session sees it, and what the view has of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipyclaude.chat import ClaudeChat
from ipyclaude.engine import EngineOptions
from ipyclaude.entrance import Entrance
from ipyclaude.exceptions import NotAllowed
from ipyclaude.host import Host
from ipyclaude.identity.choose import Choice, Identity
from ipyclaude.identity.sign_in import SignIns
from ipyclaude.leases import StoreLease
from ipyclaude.messages import (
    SessionInfo,
    new_id,
)
from ipyclaude.notebook.recording import CellRun
from ipyclaude.permissions import Permissions
from ipyclaude.protocol import (
    Status,
)
from ipyclaude.queueing import PromptQueue
from ipyclaude.requests import GuestRole
from ipyclaude.results import ShareResult
from ipyclaude.runtime import Runtime
from ipyclaude.session import Session
from ipyclaude.settings import IPyClaude
from ipyclaude.testing.engines import ScriptedEngine, say
from ipyclaude.testing.stores import MemoryStore
from ipyclaude.widget import View

#: A shell that writes no history.
NO_HISTORY = Config({"HistoryManager": {"enabled": False}})


SID = "s" * 36


@dataclass
class FakeDesk:
    """What `extension.App` gives the views, on a memory store."""

    runtime: Runtime = field(default_factory=Runtime)
    store: MemoryStore = field(default_factory=MemoryStore)
    queues: dict[str, PromptQueue] = field(default_factory=dict[str, PromptQueue])

    def __post_init__(self) -> None:
        settings = IPyClaude(convex_url="")
        nobody = Identity(lambda: Choice("none", "Nobody is signed in."))
        self.entrance = Entrance(settings, self.runtime, SignIns(Path()), nobody)
        self.permissions = Permissions(self.store)
        self.host = Host(InteractiveShell(config=NO_HISTORY))
        self.store.put(SessionInfo(client_id=SID, name="demo", cwd="."))

    def status(self, session: Session | None) -> Status:
        local = session is not None and session.refresh().local
        return Status(server="here", can_sync=local)

    async def open(self, ref: str) -> Session:
        return self.session(ref)

    def session(self, ref: str | None) -> Session:
        info = self.store.session(ref or SID)
        assert info is not None
        return Session(
            info,
            store=self.store,
            permissions=self.permissions,
            make_engine=lambda _: ScriptedEngine(say("Hello")),
            options=EngineOptions(cwd=".", session_id="c"),
            lease=StoreLease(self.store, info.client_id, "1@here/x"),
        )

    async def new(self, name: str = "") -> Session:
        info = SessionInfo(name=name or "new", cwd=".")
        self.store.put(info)
        return await self.open(info.client_id)

    def keep(self, view: View) -> None:
        return None

    async def fork(self, session: Session, name: str, at: str | None) -> Session:
        rows = self.store.messages(session.info.client_id).messages
        last = next(i for i, m in enumerate(rows) if m.client_id == at) if at else len(rows)
        copy = await self.new("copy")
        sid = copy.info.client_id
        self.store.put(
            *(
                m.model_copy(update={"client_id": new_id(), "session_id": sid})
                for m in rows[: last + 1]
            )
        )
        return copy

    async def older(self, session_id: str, before: str, limit: int) -> None:
        return None

    def configure(
        self, session: Session, *, model: str | None, mode: str | None, effort: str | None
    ) -> None:
        return None

    def queue(self, session: Session) -> PromptQueue:
        return self.queues.setdefault(
            session.info.client_id, PromptQueue(session, self.runtime.submit)
        )

    def archive(self, session_id: str, archived: bool) -> None:
        self.session(session_id).archive(archived)

    def rename(self, session_id: str, name: str) -> None:
        self.session(session_id).rename(name)

    async def delete(self, session_id: str) -> None:
        self.store.delete_session(session_id)

    async def take_over(self, session: Session) -> None:
        raise NotAllowed(f"Nobody takes {session.info.name} over.")

    def sync_session(self, session: Session) -> None:
        info = session.info.model_copy(update={"local": False})
        self.store.put(info)

    async def share(self, session_id: str, role: GuestRole) -> ShareResult:
        return ShareResult(line=f"%claude_session join {role.upper()}", until="tomorrow")

    def waiting(self, session_ids: Sequence[str]) -> dict[str, int] | None:
        return {each: 2 for each in session_ids if each == SID}

    @property
    def cells(self) -> list[CellRun]:
        return [CellRun(1, "frame = load()\nframe", "", failed=False, execution_count=3)]

    @property
    def namespace(self) -> dict[str, Any]:
        return {"frame": [1], "_hidden": 1}


class Page:
    """Catches what a view sends, and asks as a page does."""

    def __init__(self, view: Any, desk: FakeDesk) -> None:
        self.view, self.desk = view, desk
        self.sent: list[dict[str, Any]] = []
        view._channel._send = self.sent.append

    def ask(self, **request: Any) -> dict[str, Any]:
        self.desk.runtime.run(self.view._serve({"id": "r1", **request}), timeout=5)
        replies = [m for m in self.sent if m["type"] == "reply"]
        assert len(replies) == 1
        self.sent.remove(replies[0])
        return replies[0]


def chat(desk: FakeDesk) -> Page:
    return Page(ClaudeChat(SID, desk=desk), desk)


def on_loop(desk: FakeDesk, work: Callable[[], Any]) -> Any:
    async def call() -> Any:
        return work()

    return desk.runtime.run(call(), timeout=5)
