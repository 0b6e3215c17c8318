"""What a person is asked where no widget asks, and what they answered."""

from __future__ import annotations

from typing import Any

import pytest

from ipyclaude.messages import Approval
from ipyclaude.permissions import suggest
from ipyclaude.replying import Reply, read_reply


@pytest.mark.parametrize(
    "command", ["ls\x1b[1A\x1b[2K -l", "ls\n\x1b[2Jrm -rf ~ # harmless"], ids=["one", "two lines"]
)
def test_a_call_repaints_no_terminal(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What Claude wants to run is seen in the question, too, and not obeyed (S11, S12)."""
    given: dict[str, Any] = {"command": command}
    asked: list[str] = []

    def read(question: str) -> str:
        asked.append(question)
        return "n not this"

    approval = Approval(
        session_id="s", turn_id="t", tool_use_id="u", tool_name="Bash", input=given,
        pattern=suggest("Bash", given),
    )  # fmt: skip
    assert read_reply(approval, read=read) == Reply(False, "once", "not this")
    assert "\x1b" not in asked[0] + capsys.readouterr().out
    assert "\n" not in asked[0]
    assert "␛" in asked[0]
