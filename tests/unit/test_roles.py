"""What a role allows: refused with words that say whose it is and what to do instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ipyclaude import roles
from ipyclaude.exceptions import NotAllowed
from ipyclaude.messages import Approval, Role, SessionInfo


def session(role: Role) -> SessionInfo:
    """Make Ana's session, in which one has this role."""
    return SessionInfo(name="plots", cwd="", role=role, owner="" if role == "owner" else "Ana")


def asked(**more: Any) -> Approval:
    """Make a question of a machine's."""
    return Approval(session_id="s", turn_id="t", tool_use_id="u", tool_name="Bash", **more)


def test_no_folder_is_anothers_to_choose(tmp_path: Path) -> None:
    """Claude works in the folder that a session names only where it is one's own (S12)."""
    everybody: tuple[Role, ...] = ("owner", "editor", "viewer", "none")
    for role in everybody:
        info = session(role).model_copy(update={"cwd": str(tmp_path)})
        assert roles.has_folder(info) is (role == "owner")
    assert not roles.has_folder(session("owner").model_copy(update={"cwd": "/no/such"}))


@pytest.mark.parametrize("role", ["owner", "editor"])
def test_owners_and_editors_write(role: Role) -> None:
    """Whoever owns or edits is not refused."""
    roles.check_may_write(session(role))
    assert roles.may_write(session(role))


@pytest.mark.parametrize(
    ("role", "words"),
    [("viewer", "shared it with you as a viewer"), ("none", "What you had received stays here")],
)
def test_others_read_and_may_fork(role: Role, words: str) -> None:
    """A viewer, and who is no member any more, is told so, why, and that a copy is their own."""
    assert not roles.may_write(session(role))
    with pytest.raises(NotAllowed) as caught:
        roles.check_may_write(session(role))
    assert "'plots'" in caught.value.what
    assert "Ana" in caught.value.why
    assert words in caught.value.why
    assert "%claude_session fork" in caught.value.fix


def test_only_owners_own() -> None:
    """What is the owner's to do is refused to an editor, by name."""
    roles.check_owns(session("owner"), "share it")
    with pytest.raises(NotAllowed, match="Only its owner may share it") as caught:
        roles.check_owns(session("editor"), "share it")
    assert "Ana's" in caught.value.why


def test_a_machine_is_its_persons() -> None:
    """What another machine asks is its person's to answer, and nobody else's to edit (S12)."""
    roles.check_may_answer(asked(), {"command": "ls"})
    with pytest.raises(NotAllowed, match="Only Ana can answer this") as caught:
        roles.check_may_answer(asked(person="Ana", may_answer=False))
    assert "on their machine" in caught.value.why
    roles.check_may_answer(asked(person="Ana"))
    with pytest.raises(NotAllowed, match="can't be edited"):
        roles.check_may_answer(asked(person="Ana"), {"command": "ls"})
