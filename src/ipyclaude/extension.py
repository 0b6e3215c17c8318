"""The composition root: builds everything on first use, closes everything on unload."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .checkpoints import Checkpoints
from .engines import Engines, make_transcripts
from .entrance import Entrance
from .exceptions import (
    UsageMistake,
)
from .holders import make_holder
from .homes import Homes, unknown
from .host import Host
from .identity.choose import Identity, choose
from .identity.sign_in import SignIns
from .messages import SessionInfo, Value
from .notebook.lending import UNASKED, Notebook
from .notebook.recording import CellRun, Recorder
from .permissions import Permissions
from .policy import Policy
from .protocol import Status
from .queueing import PromptQueue
from .requests import GuestRole
from .results import ShareResult
from .runtime import Runtime
from .session import Session
from .sessions import Sessions
from .settings import IPyClaude
from .statelines import StateLines
from .store.replication import Replication
from .store.sqlite import SqliteStore

if TYPE_CHECKING:
    from .chat import ClaudeChat
    from .syncing import Syncing
    from .widget import View

NO_DEPLOYMENT = (
    "No Convex deployment is set, so sessions stay on this machine.",
    "",
    "Set CONVEX_URL or c.IPyClaude.convex_url and restart the kernel; ipyclaude deploy prepares "
    "a deployment.",
)


class App:
    """One kernel's ipyclaude: what it is built of, what is on other servers, what views need."""

    def __init__(self, shell: Any, recorder: Recorder, sign_ins: SignIns | None = None) -> None:
        self.host = Host(shell)
        self.host.stay_awake()
        self.settings = IPyClaude.load(shell.config)
        self.policy = Policy.load()
        self.policy.apply(self.settings)
        self.runtime = Runtime()
        url, first = self.settings.convex_url, self.settings.store_path
        #: A sign-in that is kept in memory goes on from one app to the next.
        self.sign_ins = sign_ins or SignIns(first.parent, url)
        self.identity = Identity(lambda: choose(self.settings, os.environ, self.sign_ins.choice))
        #: Why it isn't known who is signed in, in words; empty where it is.
        self.unknown = unknown(self.identity, self.runtime) if url else ""
        self.homes = Homes(first, self.identity, shared=bool(url))
        self.store = SqliteStore(self.homes.path)
        self.entrance = Entrance(
            self.settings,
            self.runtime,
            self.sign_ins,
            self.identity,
            lambda: len(Replication(self.store).only_here()),
        )
        holder = make_holder()
        #: None where sessions stay on this machine.
        self.sync = self._make_sync(holder) if url else None
        self.transcripts = self.sync.transcripts if self.sync else make_transcripts(self.store)
        self.permissions = self._make_permissions()
        self.notebook = self._make_notebook(recorder)
        self.checkpoints = Checkpoints(first.parent / "undo")
        self.engines = self._make_engines()
        self.sessions = self._make_sessions(holder)
        self.views: list[View] = []
        self._unsubscribe: Callable[[], None] = self.store.subscribe(self._heard)
        self._state_lines = StateLines(
            self.settings, self.store.path, self.sync, lambda: self.sessions.opened
        )
        if self.sync is not None:
            self._join(self.sync)

    def _make_sync(self, holder: str) -> Syncing:
        from .syncing import Syncing

        return Syncing(
            self.settings,
            self.store,
            self.runtime,
            self.identity,
            holder=holder,
            claim=self.homes.claim,
        )

    def _make_permissions(self) -> Permissions:
        return Permissions(
            self.store,
            allow=(*UNASKED, *self.settings.allow),
            deny=self.settings.deny,
            by=self.settings.server_label,
            refusal=self.policy.refusal,
        )

    def _make_notebook(self, recorder: Recorder) -> Notebook:
        budget = self.settings.context_budget if self.settings.lend_notebook else 0
        plots = self.settings.context_plots
        return Notebook(self.runtime, self.host, recorder, budget=budget, plots=plots)

    def _make_engines(self) -> Engines:
        return Engines(
            settings=self.settings,
            policy=self.policy,
            store=self.store,
            transcripts=self.transcripts,
            sync=self.sync,
            notebook=self.notebook,
            checkpoints=self.checkpoints,
        )

    def _make_sessions(self, holder: str) -> Sessions:
        return Sessions(
            self.engines,
            self.permissions,
            self.homes,
            self.host,
            self.runtime,
            holder=holder,
            rescue=self._rescue,
        )

    def _join(self, sync: Syncing) -> None:
        """Let others answer, see and be seen, and begin to replicate."""
        self.permissions.decide_first = sync.replica.company.decide
        self.permissions.editors_may = self._editors_may
        # What is being written on another server is shown (loop thread).
        sync.replica.company.on_growing(self.sessions.heard)
        sync.replica.crossings.apart = self._keep_apart
        sync.start(self._state_lines.changed)

    def _editors_may(self, session_id: str) -> bool:
        info = self.store.session(session_id)
        return info is not None and info.editors_may and self.policy.lets_editors_answer

    def _heard(self, values: Sequence[Value]) -> None:
        def tell() -> None:
            self.permissions.heard(values)
            self.sessions.heard(values)

        # Own writes come back on the loop thread itself, where a session knows them as its own.
        if self.runtime.on_loop:
            tell()
        else:
            self.runtime.loop.call_soon_threadsafe(tell)

    async def _rescue(self, session: Session, others: Collection[str]) -> SessionInfo:
        from .forks import rescued_turn

        return await rescued_turn(self, session, others)

    async def _keep_apart(
        self, session_id: str, turns: Sequence[str], others: Collection[str]
    ) -> bool:
        from .forks import keep_apart

        return await keep_apart(self, session_id, turns, others)

    # -- what is on other servers -------------------------------------------------------

    def synced(self) -> Syncing:
        """Return the replica, or refuse where no deployment is set."""
        if self.sync is None:
            self.policy.check_replication()
            raise UsageMistake(*NO_DEPLOYMENT)
        return self.sync

    def send(self, info: SessionInfo) -> None:
        """Let a session that is only here go to Convex, with all that it holds."""
        self.synced().release(info, is_open=self.sessions.is_open(info.client_id))

    def complete(self, session: Session) -> None:
        """Wait until all that was said in a session is here, if it can be had (main thread)."""
        if self.sync is not None:
            self.sync.complete(session.info.client_id)

    async def bring(self, info: SessionInfo) -> None:
        """Bring all of a session here, Claude's memory too, as far as it can be had."""
        if self.sync is not None:
            await self.sync.bring(info)

    async def older(self, session_id: str, before: str, limit: int) -> None:
        """See to it that older messages are in the store, if they can be had."""
        if self.sync is not None:
            await self.sync.replica.older(session_id, before, limit)

    # -- what views need ---------------------------------------------------------------

    def status(self, session: Session | None) -> Status:
        """The state line."""
        return self._state_lines.asked(session)

    def session(self, ref: str | None) -> Session:
        """Return a session by name or id, else the notebook's own."""
        sessions = self.sessions
        return sessions.attach(sessions.find(ref)) if ref else sessions.for_cell(None)

    async def open(self, ref: str) -> Session:
        """Open a session by id or name; closes what a dead kernel left open in it."""
        if self.sync is not None and self.store.session(ref) is None:
            await self.sync.replica.settled()
        return self.sessions.attach(self.sessions.find(ref))

    async def new(self, name: str = "") -> Session:
        """Make a session; an empty name gets one after the notebook or folder."""
        return self.sessions.create(name)

    async def fork(self, session: Session, name: str, at: str | None) -> Session:
        """Copy a session, whole or up to the message `at`, and open the copy."""
        from .forks import forked

        return self.sessions.attach(await forked(self, session, name, at))

    def queue(self, session: Session) -> PromptQueue:
        """Return the session's waiting prompts."""
        return self.sessions.queue(session)

    def rename(self, session_id: str, name: str) -> None:
        """Give a session another name."""
        self.sessions.rename(session_id, name)

    def archive(self, session_id: str, archived: bool) -> None:
        """Put a session away, or take it out again."""
        self.sessions.archive(session_id, archived)

    async def delete(self, session_id: str) -> None:
        """Delete a session with all that belongs to it, on this machine."""
        await self.sessions.delete(session_id)

    async def take_over(self, session: Session) -> None:
        """End the turn that somebody else runs in one's own session."""
        await self.synced().take_over(session.refresh())

    def sync_session(self, session: Session) -> None:
        """Let the session go to Convex (any thread)."""
        self.send(session.refresh())

    async def share(self, session_id: str, role: GuestRole) -> ShareResult:
        """Make a code by which one person may join a session."""
        from .inviting import invite

        return await invite(self, session_id, role)

    def waiting(self, session_ids: Sequence[str]) -> dict[str, int] | None:
        """Say how many changes of each session have yet to go; None where sessions stay here."""
        if self.sync is None:
            return None
        rows = {each: self.sync.replica.waiting(each).rows for each in session_ids}
        return {each: count for each, count in rows.items() if count}

    @property
    def cells(self) -> Sequence[CellRun]:
        """The user's cells that ran in this kernel, oldest first."""
        return self.notebook.recorder.since(0)

    @property
    def namespace(self) -> Mapping[str, Any]:
        """The user's variables."""
        return self.host.shell.user_ns

    def configure(
        self, session: Session, *, model: str | None, mode: str | None, effort: str | None
    ) -> None:
        """Change model, permission mode or effort from the next turn on."""
        self.engines.configure(session, model=model, mode=mode, effort=effort)

    def keep(self, view: View) -> None:
        """Close this view when the extension is unloaded."""
        self.views.append(view)

    def chat(self, ref: str | None = None) -> ClaudeChat:
        """Make a chat widget on a session: the named one, else the current one."""
        from .chat import ClaudeChat

        return ClaudeChat(ref, desk=self)

    def close(self) -> None:
        """End processes, views, the loop and the store; what is stored stays."""
        for view in self.views:
            view.close()
        self.views.clear()
        self._unsubscribe()
        self.homes.close()
        self.host.unwatch()
        try:
            self.sessions.close()
            if self.sync is not None:
                self.sync.close()
        finally:
            self.runtime.close()
            self.store.close()
