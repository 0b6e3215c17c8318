"""The composition root: builds everything on first use, closes everything on unload."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .checkpoints import Checkpoints
from .engines import Engines, make_transcripts
from .entrance import Entrance
from .exceptions import (
    IpyClaudeError,
    SessionNameTaken,
    SessionNotFound,
    UsageMistake,
)
from .holders import make_holder
from .homes import Homes, unknown
from .host import Host
from .identity.choose import Identity, choose
from .identity.sign_in import SignIns
from .leases import Lease, SharedLease, StoreLease, alive
from .messages import SessionInfo, Value
from .notebook.lending import UNASKED, Notebook
from .notebook.recording import CellRun, Recorder
from .permissions import Permissions
from .policy import Policy
from .protocol import Status
from .queueing import PromptQueue
from .recovery import abandoned
from .requests import GuestRole, ShareResult
from .roles import has_folder, owner_of
from .runtime import Runtime
from .session import Session
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
    """One kernel's ipyclaude: settings, store, loop, open sessions."""

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
        self._holder = make_holder()
        #: None where sessions stay on this machine.
        self.sync = self._make_sync() if self.settings.convex_url else None
        self.transcripts = self.sync.transcripts if self.sync else make_transcripts(self.store)
        self.permissions = Permissions(
            self.store,
            allow=(*UNASKED, *self.settings.allow),
            deny=self.settings.deny,
            by=self.settings.server_label,
            refusal=self.policy.refusal,
        )
        budget = self.settings.context_budget if self.settings.lend_notebook else 0
        plots = self.settings.context_plots
        self.notebook = Notebook(self.runtime, self.host, recorder, budget=budget, plots=plots)
        self.checkpoints = Checkpoints(self.settings.store_path.parent / "undo")
        self.engines = Engines(
            settings=self.settings,
            policy=self.policy,
            store=self.store,
            transcripts=self.transcripts,
            sync=self.sync,
            notebook=self.notebook,
            checkpoints=self.checkpoints,
        )
        self.current: Session | None = None
        self.views: list[View] = []
        self._sessions: dict[str, Session] = {}
        self._queues: dict[str, PromptQueue] = {}
        self._unsubscribe: Callable[[], None] = self.store.subscribe(self._heard)
        self._state_lines = StateLines(
            self.settings, self.store.path, self.sync, lambda: self.open_sessions
        )
        if self.sync is not None:
            self.permissions.decide_first = self.sync.replica.company.decide
            self.permissions.editors_may = self._editors_may
            self.sync.replica.company.on_growing(self._grows)
            self.sync.start(self._state_lines.changed)

    def _make_sync(self) -> Syncing:
        from .syncing import Syncing

        return Syncing(
            self.settings,
            self.store,
            self.runtime,
            self.identity,
            holder=self._holder,
            claim=self.homes.claim,
        )

    def _editors_may(self, session_id: str) -> bool:
        info = self.store.session(session_id)
        return info is not None and info.editors_may and self.policy.lets_editors_answer

    def _grows(self, pieces: Sequence[Value]) -> None:
        """Show what is being written on another server (loop thread)."""
        for session in self.open_sessions:
            session.heard(pieces)

    def _heard(self, values: Sequence[Value]) -> None:
        def tell() -> None:
            self.permissions.heard(values)
            for session in list(self._sessions.values()):
                session.heard(values)

        # Own writes come back on the loop thread itself, where a session knows them as its own.
        if self.runtime.on_loop:
            tell()
        else:
            self.runtime.loop.call_soon_threadsafe(tell)

    # -- sessions ---------------------------------------------------------------------

    def find(self, ref: str) -> SessionInfo:
        """Find a session by name or id.

        Raises
        ------
        SessionNotFound
            With the names that come near.
        """
        if ref == "last":
            latest = self.store.sessions(limit=1)
            if latest:
                return latest[0]
            raise SessionNotFound("There is no session yet.", fix="Make one: %claude_session new.")
        info = self._known(ref)
        if info is None:
            near = [s.name for s in self.store.sessions(ref[:4], limit=3)]
            raise SessionNotFound(
                f"There is no session {ref!r}.",
                why=f"Sessions like it: {', '.join(near)}." if near else "",
                fix="%claude_session list shows what there is; %claude_session new makes one.",
            )
        return info

    def _known(self, ref: str) -> SessionInfo | None:
        """Return a session, waiting for the other servers' list if it isn't here, or not mine."""
        info = self.store.session(ref)
        # Its owner may have changed what one may do in it since this server last looked.
        unsure = info is None or info.role != "owner"
        if unsure and self.sync is not None and not self.runtime.on_loop:
            self.sync.settle()
            info = self.store.session(ref)
        return info

    async def open(self, ref: str) -> Session:
        """Open a session by id or name; closes what a dead kernel left open in it."""
        if self.sync is not None and self.store.session(ref) is None:
            await self.sync.replica.settled()
        return self.attach(self.find(ref))

    async def new(self, name: str = "") -> Session:
        """Make a session; an empty name gets one after the notebook or folder."""
        return self.create(name)

    async def fork(self, session: Session, name: str, at: str | None) -> Session:
        """Copy a session, whole or up to the message `at`, and open the copy."""
        from .forks import forked

        return self.attach(await forked(self, session, name, at))

    def attach(self, info: SessionInfo) -> Session:
        """Return the open session of this row, opening it if need be (any thread)."""
        session = self._sessions.get(info.client_id)
        if session is None:
            session = Session(
                info,
                store=self.store,
                permissions=self.permissions,
                make_engine=self.engines.make,
                context=self.engines.goes_along,
                options=self.engines.options(info),
                lease=self._lease(info),
                guard=self.engines.guard,
                rescue=self._rescue,
            )
            self._sessions[info.client_id] = session
            if self.sync is not None:
                self.sync.opened(info)
            if abandoned(info) or (self.store.tails(info.client_id) and not alive(info)):
                session.recover()
        return session

    async def _rescue(self, session: Session, others: Collection[str]) -> SessionInfo:
        from .forks import rescued

        return await rescued(self, session, others)

    def _lease(self, info: SessionInfo) -> Lease:
        here = StoreLease(self.store, info.client_id, self._holder)
        if self.sync is None:
            return here
        return SharedLease(here, self.sync.replica.company.lease(info.client_id))

    def create(self, name: str = "", *, claude_id: str | None = None, **fields: Any) -> Session:
        """Make a session and open it; `claude_id` is that of a transcript it goes on from."""
        chosen = name.strip() or self.free_name(self.host.default_name)
        info = SessionInfo(
            name=chosen,
            cwd=str(Path.cwd()),
            notebook=self.host.notebook,
            claude_session_id=claude_id or str(uuid4()),
            local=fields.pop("local", self._stays_here()),
            **fields,
        )
        self.store.put(info)
        return self.attach(info)

    def _stays_here(self) -> bool:
        """Say whether a new session is only here: nobody is asked for it who isn't signed in."""
        if self.sync is None:
            return True
        # The store's account is not to get what somebody else says here.
        return not self.homes.is_known or self.sync.replica.is_of_another

    def free_name(self, wanted: str) -> str:
        """Return the name, with a number after it where it is taken."""
        name, number = wanted, 1
        while self.store.session(name) is not None:
            number += 1
            name = f"{wanted}-{number}"
        return name

    def session_for(self, name: str | None) -> Session:
        """Return the session that a cell uses: the named one, the current one, the notebook's."""
        if name is not None:
            info = self._known(name)
            return self.attach(info) if info is not None else self.create(name)
        if self.current is None:
            notebook = self.host.notebook
            if self.sync is not None and notebook and not self.runtime.on_loop:
                self.sync.settle()
            known = self.store.sessions(notebook=notebook, limit=1) if notebook else []
            self.current = self.attach(known[0]) if known else self.create()
        return self.current

    def send(self, info: SessionInfo) -> None:
        """Let a session that is only here go to Convex, with all that it holds."""
        self.synced().release(info, is_open=info.client_id in self._sessions)

    def synced(self) -> Syncing:
        """Return the replica, or refuse where no deployment is set."""
        if self.sync is None:
            self.policy.check_replication()
            raise UsageMistake(*NO_DEPLOYMENT)
        return self.sync

    def drop(self, session_id: str) -> None:
        """Close a session's process and forget it here (it stays in the store)."""
        session = self._forget(session_id)
        if session is not None:
            if self.sync is not None:
                self.sync.left(session_id)
            self.runtime.run(session.close(), timeout=30)

    def _forget(self, session_id: str) -> Session | None:
        session = self._sessions.pop(session_id, None)
        self._queues.pop(session_id, None)
        if self.current is not None and self.current.info.client_id == session_id:
            self.current = None
        return session

    @property
    def open_sessions(self) -> list[Session]:
        """The sessions that are open in this kernel."""
        return list(self._sessions.values())

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

    def queue(self, session: Session) -> PromptQueue:
        """Return the session's waiting prompts."""
        key = session.info.client_id
        if key not in self._queues:
            self._queues[key] = PromptQueue(session, self.runtime.submit)
        return self._queues[key]

    def rename(self, session_id: str, name: str) -> None:
        """Give a session another name.

        Raises
        ------
        SessionNameTaken
            Another session is called so.
        """
        known = self.store.session(name)
        if known is not None and known.client_id != session_id:
            raise SessionNameTaken(
                f"There is a session {name!r} already.", fix="Choose another name."
            )
        self.attach(self.find(session_id)).rename(name)

    def archive(self, session_id: str, archived: bool) -> None:
        """Put a session away, or take it out again."""
        self.attach(self.find(session_id)).archive(archived)

    async def delete(self, session_id: str) -> None:
        """Delete a session with all that belongs to it, on this machine.

        Raises
        ------
        SessionBusy
            Claude is working in it.
        """
        session = self.attach(self.find(session_id))
        session.check_free()
        await session.close()
        self._forget(session_id)
        await asyncio.to_thread(self.remove, session.info)

    def remove(self, info: SessionInfo, *, everywhere: bool = False) -> None:
        """Delete a session's rows: those on this machine, or in Convex and on all servers too."""
        self.checkpoints.forget(info.client_id)
        if self.sync is None or info.local or everywhere:
            self.store.delete_session(info.client_id)
        else:
            Replication(self.store).remove_here(info.client_id)

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
        rows = {each: Replication(self.store).waiting(each).rows for each in session_ids}
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

    def session(self, ref: str | None) -> Session:
        """Return a session by name or id, else the notebook's own."""
        return self.attach(self.find(ref)) if ref else self.session_for(None)

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
            for session_id in list(self._sessions):
                self.drop(session_id)
            if self.sync is not None:
                self.sync.close()
        finally:
            self.runtime.close()
            self.store.close()


def describe(error: BaseException) -> str:
    """Return an error's words for a person."""
    if isinstance(error, IpyClaudeError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def working_folder_note(info: SessionInfo) -> str:
    """Say so where Claude doesn't work in a session's folder here; else an empty text."""
    if has_folder(info):
        return ""
    if info.role != "owner":
        return f"The session is {owner_of(info)}'s: Claude works in {Path.cwd()} here."
    return f"{info.cwd} doesn't exist here: Claude works in {Path.cwd()}."
