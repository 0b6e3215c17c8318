"""What a person may do in a session that is not theirs, and the words where they may not."""

from __future__ import annotations

from pathlib import Path

from .exceptions import NotAllowed
from .messages import Approval, SessionInfo

FORK = "Go on in a copy of your own: %claude_session fork. Claude remembers all of it there."


def may_write(info: SessionInfo) -> bool:
    """Say whether this person may write in a session."""
    return info.role in ("owner", "editor")


def refusal(info: SessionInfo) -> NotAllowed | None:
    """Return why this person may only read in a session; None where they may write."""
    if info.role == "viewer":
        return NotAllowed(
            f"You may read session {info.name!r}, not write in it.",
            why=f"{owner_of(info)} shared it with you as a viewer.",
            fix=f"Ask them to make you an editor. {FORK}",
        )
    if info.role == "none":
        return NotAllowed(
            f"Session {info.name!r} is not shared with you any more.",
            why=f"{owner_of(info)} ended that, or you left. What you had received stays here.",
            fix=FORK,
        )
    return None


def check_may_write(info: SessionInfo) -> None:
    """Refuse where this person may only read.

    Raises
    ------
    NotAllowed
        They are a viewer, or no member any more.
    """
    error = refusal(info)
    if error is not None:
        raise error


def check_owns(info: SessionInfo, deed: str) -> None:
    """Refuse what only the owner may do; `deed` is that, in words.

    Raises
    ------
    NotAllowed
        The session is somebody else's.
    """
    if info.role != "owner":
        raise NotAllowed(
            f"Only its owner may {deed}.",
            why=f"Session {info.name!r} is {owner_of(info)}'s.",
            fix=f"Ask them. {FORK}",
        )


def check_may_answer(approval: Approval, edited: object = None) -> None:
    """Refuse an answer to what somebody else's machine asks; `edited` is other input to run.

    Raises
    ------
    NotAllowed
        That person has not let editors answer.
    """
    if not approval.may_answer:
        raise NotAllowed(
            f"Only {approval.person or 'its person'} can answer this.",
            why="The tool would run on their machine.",
            fix="They answer it there, or let the session's editors: "
            "%claude_session share --editors-approve yes.",
        )
    if approval.person and edited is not None:
        raise NotAllowed(
            "What runs on another person's machine can't be edited.",
            why=f"{approval.person} lets you allow or refuse it as Claude wrote it.",
            fix="Refuse it, and say why: Claude reads the reason.",
        )


def has_folder(info: SessionInfo) -> bool:
    """Say whether Claude works in a session's own folder here.

    A path that another person gave may lead to a folder of theirs on a machine that many use,
    where its `.claude` would say what runs here unasked (S12).
    """
    return info.role == "owner" and bool(info.cwd) and Path(info.cwd).is_dir()


def owner_of(info: SessionInfo) -> str:
    """Name a session's owner."""
    return info.owner or "Its owner"
