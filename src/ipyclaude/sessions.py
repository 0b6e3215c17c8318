"""The sessions of one kernel: found, made, opened and closed again."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from .engines import Engines
from .exceptions import SessionNameTaken, SessionNotFound
from .homes import Homes
from .host import Host
from .leases import Lease, SharedLease, StoreLease, alive
from .messages import SessionInfo, Value
from .permissions import Permissions
from .queueing import PromptQueue
from .recovery import abandoned
from .roles import has_folder, owner_of
from .runtime import Runtime
from .session import Session
from .store.replication import Replication

#: Sessions among which a misspelt name is looked for, the last active ones.
_RECENT = 500

Rescue = Callable[[Session, Collection[str]], Awaitable[SessionInfo]]


class Sessions:
    """The sessions that a kernel can have, and those that are open in it.

    Parameters
    ----------
    engines
        Makes what works in them, and has the store and the replica.
    permissions, homes, host, runtime
        The kernel's.
    holder
        Names this kernel among those that share the store file.
    rescue
        Copies a session whose lease was lost, so that its turn can go on in the copy.
    """

    def __init__(
        self,
        engines: Engines,
        permissions: Permissions,
        homes: Homes,
        host: Host,
        runtime: Runtime,
        *,
        holder: str,
        rescue: Rescue,
    ) -> None:
        self._engines, self._permissions, self._homes = engines, permissions, homes
        self._host, self._runtime, self._holder, self._rescue = host, runtime, holder, rescue
        self._store, self._sync = engines.store, engines.sync
        #: What a cell uses that names none.
        self.current: Session | None = None
        self._open: dict[str, Session] = {}
        self._queues: dict[str, PromptQueue] = {}

    @property
    def current_id(self) -> str | None:
        """The id of the current one, if there is one."""
        return self.current.info.client_id if self.current is not None else None

    @property
    def opened(self) -> list[Session]:
        """The sessions that are open in this kernel."""
        return list(self._open.values())

    def is_open(self, session_id: str) -> bool:
        """Say whether a session is open in this kernel."""
        return session_id in self._open

    def heard(self, values: Sequence[Value]) -> None:
        """Tell the open ones what was written into the store (loop thread)."""
        for session in self.opened:
            session.heard(values)

    # -- finding ------------------------------------------------------------------------

    def find(self, ref: str) -> SessionInfo:
        """Find a session by name or id.

        Raises
        ------
        SessionNotFound
            With the names that come near.
        """
        if ref == "last":
            latest = self._store.sessions(limit=1)
            if latest:
                return latest[0]
            raise SessionNotFound("There is no session yet.", fix="Make one: %claude_session new.")
        info = self._known(ref)
        if info is None:
            near = [s.name for s in self._store.sessions(ref[:4], limit=3)]
            raise SessionNotFound(
                f"There is no session {ref!r}.",
                why=f"Sessions like it: {', '.join(near)}." if near else "",
                fix=f"{'' if near else self._meant(ref)}"
                "%claude_session list shows what there is; %claude_session new makes one.",
            )
        return info

    def _meant(self, ref: str) -> str:
        """Ask in words for the name that was probably meant; nothing if there is none."""
        names = ["last", *(info.name for info in self._store.sessions(limit=_RECENT))]
        close = difflib.get_close_matches(ref, names, n=1)
        return f"Did you mean {close[0]!r}? " if close else ""

    def _known(self, ref: str) -> SessionInfo | None:
        """Return a session, waiting for the other servers' list if it isn't here, or not mine."""
        info = self._store.session(ref)
        # Its owner may have changed what one may do in it since this server last looked.
        unsure = info is None or info.role != "owner"
        if unsure and self._sync is not None and not self._runtime.on_loop:
            self._sync.settle()
            info = self._store.session(ref)
        return info

    def for_cell(self, name: str | None) -> Session:
        """Return the session that a cell uses: the named one, the current one, the notebook's."""
        if name is not None:
            info = self._known(name)
            return self.attach(info) if info is not None else self.create(name)
        if self.current is None:
            notebook = self._host.notebook
            if self._sync is not None and notebook and not self._runtime.on_loop:
                self._sync.settle()
            known = self._store.sessions(notebook=notebook, limit=1) if notebook else []
            self.current = self.attach(known[0]) if known else self.create()
        return self.current

    # -- making and opening --------------------------------------------------------------

    def create(self, name: str = "", *, claude_id: str | None = None, **fields: Any) -> Session:
        """Make a session and open it; `claude_id` is that of a transcript it goes on from."""
        chosen = name.strip() or self.free_name(self._host.default_name)
        info = SessionInfo(
            name=chosen,
            cwd=str(Path.cwd()),
            notebook=self._host.notebook,
            claude_session_id=claude_id or str(uuid4()),
            local=fields.pop("local", self._stays_here()),
            **fields,
        )
        self._store.put(info)
        return self.attach(info)

    def _stays_here(self) -> bool:
        """Say whether a new session is only here: nobody is asked for it who isn't signed in."""
        if self._sync is None:
            return True
        # The store's account is not to get what somebody else says here.
        return not self._homes.is_known or self._sync.replica.is_of_another

    def free_name(self, wanted: str) -> str:
        """Return the name, with a number after it where it is taken."""
        name, number = wanted, 1
        while self._store.session(name) is not None:
            number += 1
            name = f"{wanted}-{number}"
        return name

    def attach(self, info: SessionInfo) -> Session:
        """Return the open session of this row, opening it if need be (any thread)."""
        session = self._open.get(info.client_id)
        if session is None:
            session = Session(
                info,
                store=self._store,
                permissions=self._permissions,
                make_engine=self._engines.make,
                context=self._engines.goes_along,
                options=self._engines.options(info),
                lease=self._lease(info),
                guard=self._engines.guard,
                rescue=self._rescue,
            )
            self._open[info.client_id] = session
            if self._sync is not None:
                self._sync.opened(info)
            if abandoned(info) or (self._store.tails(info.client_id) and not alive(info)):
                session.recover()
        return session

    def _lease(self, info: SessionInfo) -> Lease:
        here = StoreLease(self._store, info.client_id, self._holder)
        if self._sync is None:
            return here
        return SharedLease(here, self._sync.replica.company.lease(info.client_id))

    # -- changing and closing ------------------------------------------------------------

    def queue(self, session: Session) -> PromptQueue:
        """Return the session's waiting prompts."""
        key = session.info.client_id
        if key not in self._queues:
            self._queues[key] = PromptQueue(session, self._runtime.submit)
        return self._queues[key]

    def rename(self, session_id: str, name: str) -> None:
        """Give a session another name.

        Raises
        ------
        SessionNameTaken
            Another session is called so.
        """
        known = self._store.session(name)
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
        self._engines.checkpoints.forget(info.client_id)
        if self._sync is None or info.local or everywhere:
            self._store.delete_session(info.client_id)
        else:
            Replication(self._store).remove_here(info.client_id)

    def close(self) -> None:
        """Close them all; what is stored stays."""
        for session_id in list(self._open):
            self.drop(session_id)

    def drop(self, session_id: str) -> None:
        """Close a session's process and forget it here (it stays in the store)."""
        session = self._forget(session_id)
        if session is not None:
            if self._sync is not None:
                self._sync.left(session_id)
            self._runtime.run(session.close(), timeout=30)

    def _forget(self, session_id: str) -> Session | None:
        session = self._open.pop(session_id, None)
        self._queues.pop(session_id, None)
        if self.current_id == session_id:
            self.current = None
        return session


def working_folder_note(info: SessionInfo) -> str:
    """Say so where Claude doesn't work in a session's folder here; else an empty text."""
    if has_folder(info):
        return ""
    if info.role != "owner":
        return f"The session is {owner_of(info)}'s: Claude works in {Path.cwd()} here."
    return f"{info.cwd} doesn't exist here: Claude works in {Path.cwd()}."
