"""Sharing in words for a person: what a code is for, who is in, what an answer would allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .exceptions import UsageMistake
from .messages import SessionInfo
from .roles import FORK
from .times import day, moment

if TYPE_CHECKING:
    from .replica.sharing import Invite, Member

Row = tuple[object, ...]

_MAY = {
    "viewer": "A viewer reads it and watches it live, and can't prompt.",
    "editor": "An editor also prompts, one person at a time. What Claude runs for them runs on "
    "their machine, and asks them.",
}
_CAREFUL = "Until it is used up, whoever reads the code may join: don't save it where others look."
_MOST_USES, _MOST_DAYS = 100, 30
_SHORT = 8  # characters of an id that are shown
_CODE_LETTERS = 26


def check_limits(uses: int, days: int) -> None:
    """Refuse an invitation for more people, or for longer, than one can be.

    Raises
    ------
    UsageMistake
        With the most that it can be.
    """
    if uses > _MOST_USES or days > _MOST_DAYS:
        raise UsageMistake(
            "An invitation can't be that wide.",
            fix=f"Use at most --uses {_MOST_USES} and --days {_MOST_DAYS}.",
        )


def check_code(plain: str) -> None:
    """Refuse what can't be a code.

    Raises
    ------
    UsageMistake
        It is too short or too long, or holds other letters.
    """
    if len(plain) != _CODE_LETTERS or not plain.isalnum() or not plain.isascii():
        raise UsageMistake(
            "This is no code.",
            why=f"A code has {_CODE_LETTERS} letters and digits.",
            fix="Copy it whole; %claude_session join makes a new one.",
        )


def invitation(name: str, invite: Invite, code: str, *, link: bool, url: str) -> str:
    """Say what to give to whom, and what they may do then."""
    many = f"up to {invite.uses_left} people" if invite.uses_left > 1 else "one person"
    until = moment(invite.expires_at)
    line = f"    %claude_session join {code}"
    paste = f"    %load_ext ipyclaude\n{line}" if link else line
    give = "this cell to paste" if link else "this line to run"
    return "\n".join(
        [
            f"Session {name!r} can be joined by {many} as {invite.role}, until {until}.",
            f"Give them {give}, in a notebook whose CONVEX_URL is {url}:",
            "",
            paste,
            "",
            _MAY[invite.role],
            f"%claude_session members shows who is in, %claude_session unshare "
            f"{invite.id[-_SHORT:]} takes the code back.",
            _CAREFUL,
        ]
    )


def expected(name: str, invite: Invite, code: str) -> str:
    """Say that the maker of a code may come in."""
    return "\n".join(
        [
            f"Who sent you this code may join session {name!r} as {invite.role}. Let them run:",
            "",
            f"    %claude_session join {code}",
            "",
            _MAY[invite.role],
        ]
    )


def own_code(code: str) -> str:
    """Say what one's own new code is for."""
    return "\n".join(
        [
            "Send this code to whoever shares a session with you:",
            "",
            f"    {code}",
            "",
            f"They run:   %claude_session share NAME --with {code}",
            f"Then you:   %claude_session join {code}",
        ]
    )


def joined(info: SessionInfo) -> str:
    """Say what one has come into."""
    if info.role == "owner":
        return f"Session {info.name!r} is your own."
    lines = [
        f"You are in session {info.name!r}, {info.owner or 'somebody'}'s, as {info.role}. "
        "It is current now."
    ]
    if info.role == "viewer":
        lines.append(
            "%claude_session watch follows it live, show and export read it. You can't prompt in "
            f"it. {FORK}"
        )
    else:
        lines.append("%%claude and %claude_session chat prompt in it; what Claude runs runs here.")
    return "\n".join(lines)


def role_rows(info: SessionInfo) -> list[tuple[str, object]]:
    """Say whose a session is and what one may do in it; nothing where it is one's own."""
    owner = info.owner or "somebody else"
    if info.role == "none":
        return [("shared", f"{owner}'s; not shared with you any more. What you had is here")]
    rows: list[tuple[str, object]] = []
    if info.role != "owner":
        rows.append(("shared", f"{owner}'s; you are {info.role}"))
    if info.editors_may:
        rows.append(("answers", "editors may answer what Claude asks on this machine"))
    return rows


def member_rows(members: Sequence[Member]) -> list[Row]:
    """Return who is in: name, e-mail where it is told, role, since when, id."""
    return [
        (
            f"{member.name} (you)" if member.me else member.name,
            member.email,
            member.role,
            day(member.since),
            member.id[-_SHORT:],
        )
        for member in members
    ]


def invite_rows(invites: Sequence[Invite]) -> list[Row]:
    """Return the invitations that can be used still."""
    return [
        (
            invite.id[-_SHORT:],
            invite.role,
            invite.uses_left,
            moment(invite.expires_at),
        )
        for invite in invites
        if invite.uses_left > 0
    ]


def chosen_member(ref: str, members: Sequence[Member]) -> Member | None:
    """Return the member of this name, e-mail or id (or its end); None if nobody is.

    Raises
    ------
    UsageMistake
        Several are called so.
    """
    wanted = ref.casefold()
    found = [
        member
        for member in members
        if wanted in (member.name.casefold(), member.email.casefold())
        or (len(ref) >= _SHORT and member.id.endswith(ref))
    ]
    if len(found) > 1:
        ids = ", ".join(member.id[-_SHORT:] for member in found)
        raise UsageMistake(f"{len(found)} members are called {ref!r}.", fix=f"Use an id: {ids}.")
    return found[0] if found else None


def chosen_invite(ref: str, invites: Sequence[Invite]) -> Invite | None:
    """Return the invitation of this id, or its end; None if there is none."""
    return next((i for i in invites if len(ref) >= _SHORT and i.id.endswith(ref)), None)


def nobody(ref: str, members: Sequence[Member]) -> UsageMistake:
    """Return the error for a name that is no member's."""
    names = ", ".join(member.name for member in members)
    return UsageMistake(
        f"{ref!r} is no member and no invitation.",
        why=f"Members: {names}.",
        fix="%claude_session members shows names and ids.",
    )


def send_question(info: SessionInfo, url: str) -> str:
    """Ask whether what is only here may go out, before it is shared."""
    return (
        f"Session {info.name!r} with {info.message_count} messages is on this machine only. "
        f"Send all of it to Convex ({url}), where whom you invite can read it? [y/N] "
    )


def answer_question(info: SessionInfo, server: str) -> str:
    """Say what letting editors answer means, and ask."""
    return (
        f"Editors of {info.name!r}, and its owner, could then allow from elsewhere what Claude "
        f"asks while it works for YOU on {server}: commands, changes of files and code would run "
        "with your rights, without you seeing them. Prompts of theirs run on their own machines, "
        "with or without this. Let them answer? [y/N] "
    )


def answers_stand(info: SessionInfo, *, may: bool) -> str:
    """Say who answers what this machine asks."""
    who = "you, the owner and the editors" if may else "you alone"
    return f"What Claude asks on this machine in {info.name!r} is answered by {who}."


def take_over_question(info: SessionInfo, who: str, since: str) -> str:
    """Ask whether somebody's turn is to be ended."""
    return (
        f"{who} has worked in {info.name!r} since {since}. End that turn? What was answered is "
        "kept, and they are told. [y/N] "
    )
