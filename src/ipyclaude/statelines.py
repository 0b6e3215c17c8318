"""The state line: how saving goes and what a session runs with, told whenever that changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .messages import SessionInfo, now_ms
from .protocol import Holder, Person, Status
from .roles import may_write
from .session import Session
from .settings import IPyClaude

if TYPE_CHECKING:
    from .replica.standing import Standing
    from .syncing import Syncing


class StateLines:
    """The state lines of one kernel's sessions; used on the loop.

    Parameters
    ----------
    settings, store
        The kernel's settings, and where its store is.
    sync
        The replica; None where sessions stay on this machine.
    sessions
        Returns the open sessions.
    """

    def __init__(
        self,
        settings: IPyClaude,
        store: Path,
        sync: Syncing | None,
        sessions: Callable[[], Sequence[Session]],
    ) -> None:
        self._settings, self._store, self._sync, self._sessions = settings, store, sync, sessions
        #: What all views of a session were told last, by its id.
        self._told: dict[str, Status] = {}

    def asked(self, session: Session | None) -> Status:
        """Return the state line for one view, whatever the session's other views were told."""
        if session is not None:
            self._told.pop(session.info.client_id, None)
        return self._of(session, self._standing())

    def changed(self) -> None:
        """Tell the views what stands another way than they were told."""
        standing, told = self._standing(), self._told
        self._told = {}
        for session in self._sessions():
            key = session.info.client_id
            status = self._told[key] = self._of(session, standing)
            if told.get(key) != status:
                session.tell_status(status)

    def _standing(self) -> Standing | None:
        return self._sync.replica.standing() if self._sync is not None else None

    def _of(self, session: Session | None, standing: Standing | None) -> Status:
        options = session.options if session is not None else None
        s = self._settings
        chosen = options.model if options else s.model
        status = Status(
            sync="local",
            detail=f"Kept on this machine: {self._store}",
            model=chosen or (session.info.model if session else None),
            permission_mode=options.permission_mode if options else s.permission_mode,
            effort=options.effort if options else cast("Any", s.effort),
            demo=s.demo,
            server=s.server_label,
        )
        if standing is None:
            return status
        if session is not None and session.info.local:
            return status.model_copy(update={"can_sync": may_write(session.info)})
        told = {
            "sync": standing.sync,
            "waiting": standing.waiting.rows,
            "detail": describe(standing),
        }
        company = self._company(session.info) if session is not None else {}
        return status.model_copy(update={**told, **company})

    def _company(self, info: SessionInfo) -> dict[str, object]:
        """Say who else has a session open, who writes in it, and why a turn goes without them."""
        if self._sync is None:
            return {}
        replica, company = self._sync.replica, self._sync.replica.company
        people = [
            Person(name=each.name, label=each.label, watching=each.watching, me=each.mine)
            for each in company.presence.others(info.client_id)
        ]
        writer = company.writers.of(info.client_id, now_ms() + replica.ahead)
        holder = writer and Holder(
            name=writer.name, label=writer.label, since=writer.since, mine=not writer.name
        )
        may = info.role == "owner" and holder is not None and not holder.mine
        alone = company.alone(info.client_id, now=True)
        return {"people": tuple(people), "holder": holder, "may_take_over": may, "alone": alone}


def describe(standing: Standing) -> str:
    """Say in words how it stands: what went wrong last is part of it."""
    parts = [standing.detail]
    if standing.error and standing.error not in standing.detail and standing.sync != "synced":
        parts.append(standing.error)
    return " ".join(part for part in parts if part)
