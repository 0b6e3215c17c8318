"""Inviting somebody into a session from the widget: one code, for one person, for a week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import make_code
from .exceptions import UsageMistake
from .requests import GuestRole
from .results import ShareResult
from .roles import check_owns
from .times import moment

if TYPE_CHECKING:
    from .extension import App

USES, DAYS = 1, 7


async def invite(app: App, session_id: str, role: GuestRole) -> ShareResult:
    """Make a code by which one person may join; it is told once, and kept nowhere.

    Raises
    ------
    NotAllowed
        The session is somebody else's.
    PolicyError
        The administrator does not allow it.
    UsageMistake
        The session is on this machine only.
    CloudError
        The server can't be asked.
    """
    app.policy.check_sharing()
    sync, info = app.synced(), app.sessions.find(session_id)
    check_owns(info, "share it")
    if info.local:
        raise UsageMistake(
            f"Session {info.name!r} is on this machine only.",
            fix="Open it and press Sync to cloud first.",
        )
    code = make_code()
    made = await sync.sharing.invite(info.client_id, code, role=role, uses=USES, days=DAYS)
    until = moment(made.expires_at)
    return ShareResult(line=f"%claude_session join {code}", until=until)
