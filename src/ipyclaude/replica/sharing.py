"""Who else may see a session: members and invitations, kept on the server alone."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..codes import hash_of, plain
from ..exceptions import CloudRefused, NotAllowed
from ..messages import SessionInfo, new_id, now_ms
from ..store.replication import Replication
from ..times import short_clock
from . import Cloud
from ._errors import unanswered
from ._within import within
from .rows import SOMEBODY, session_from

#: How long the server may take to answer, in seconds.
PATIENCE = 10.0
_DAY_MS = 86_400_000

#: What a person can be invited as.
GuestRole = Literal["viewer", "editor"]


@dataclass(frozen=True)
class Member:
    """Somebody who may see a session; `since` in epoch ms."""

    id: str
    name: str
    role: str
    since: float
    me: bool
    #: Told to the owner alone.
    email: str = ""


@dataclass(frozen=True)
class Invite:
    """An invitation that stands; its code is not known to anybody but who was given it."""

    id: str
    role: str
    uses_left: int
    expires_at: float


class Sharing:
    """Asks the server, which alone decides who may what (S5); used on the loop.

    Raises
    ------
    NotAllowed
        From every call: this person's role does not allow it, or the code is none.
    CloudError
        The server can't be asked, or refuses for another reason.
    """

    def __init__(self, cloud: Cloud, replication: Replication) -> None:
        self._cloud, self._replication = cloud, replication

    async def invite(
        self, session_id: str, code: str, *, role: GuestRole, uses: int, days: int
    ) -> Invite:
        """Let whoever redeems a code be a member; the code itself stays here."""
        row = await self._mutate(
            "sharing:invite",
            {
                "session": session_id,
                "invite": new_id(),
                "role": role,
                "codeHash": hash_of(code),
                "uses": uses,
                "ttlMs": days * _DAY_MS,
            },
        )
        return Invite(row["invite"], role, uses, row["expiresAt"])

    async def redeem(self, code: str) -> SessionInfo:
        """Become a member by a code; return the session, which is in the list from now on."""
        answer = await self._mutate("sharing:redeem", {"code": plain(code)})
        if "refused" in answer:
            raise _no_code(answer)
        info = session_from({**answer["session"], "role": answer["role"]})

        def merge() -> SessionInfo:
            self._replication.merge([info])
            return self._replication.as_it_is(info.client_id) or info

        return await asyncio.to_thread(merge)

    async def members(self, session_id: str) -> list[Member]:
        """Return all members, the owner among them."""
        rows = await self._ask(self._cloud.query("sharing:members", {"session": session_id}))
        return [
            Member(
                id=row["member"],
                name=row["name"] or SOMEBODY,
                role=row["role"],
                since=row["since"],
                me=row["me"],
                email=row.get("email") or "",
            )
            for row in rows
        ]

    async def invites(self, session_id: str) -> list[Invite]:
        """Return the invitations that stand."""
        rows = await self._ask(self._cloud.query("sharing:invites", {"session": session_id}))
        return [
            Invite(row["invite"], row["role"], int(row["usesLeft"]), row["expiresAt"])
            for row in rows
        ]

    async def revoke(self, session_id: str, invite: str) -> None:
        """Take an invitation back; who has used it stays a member."""
        await self._mutate("sharing:revoke", {"session": session_id, "invite": invite})

    async def set_role(self, session_id: str, member: str, role: GuestRole) -> None:
        """Give a member another role."""
        wish = {"session": session_id, "member": member, "role": role}
        await self._mutate("sharing:setRole", wish)

    async def remove(self, session_id: str, member: str) -> None:
        """End a membership; what they follow of the session ends with it."""
        await self._mutate("sharing:remove", {"session": session_id, "member": member})

    async def leave(self, info: SessionInfo) -> None:
        """End one's own membership; what was received stays here to read."""
        await self._mutate("sharing:leave", {"session": info.client_id})
        gone = info.model_copy(update={"deleted_at": now_ms()})
        await asyncio.to_thread(self._replication.merge, [gone])

    async def _mutate(self, path: str, args: Mapping[str, Any]) -> Any:
        return await self._ask(self._cloud.mutation(path, args))

    async def _ask(self, call: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await within(PATIENCE, call)
        except asyncio.TimeoutError:
            raise unanswered() from None
        except CloudRefused as error:
            raise _refused(error) from error


def _refused(error: CloudRefused) -> Exception:
    if error.code == "NotFound":
        return NotAllowed(
            "Convex knows no such session, member or invitation.",
            why="It is not sent yet, or it is not shared with you any more.",
            fix="%claude_session members shows who is in; %claude_session sync sends a session.",
        )
    if error.code == "Forbidden":
        return NotAllowed("Only the session's owner may do that.", why=error.why, fix="Ask them.")
    return error


def _no_code(answer: Mapping[str, Any]) -> NotAllowed:
    if answer.get("refused") == "RateLimited":
        at = short_clock(answer["retryAt"])
        return NotAllowed(
            "This code was not tried.",
            why="Too many that open nothing were tried before.",
            fix=f"Try again at {at}.",
        )
    return NotAllowed(
        "This code opens nothing.",
        why="It was mistyped, used up, taken back, or its time is over.",
        fix="Ask whoever shares for a new one: %claude_session share.",
    )
