"""Names that others gave are shown in questions and errors, and not obeyed (S11)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ipyclaude.cli import main
from ipyclaude.commands.confirming import confirmed
from ipyclaude.exceptions import IpyClaudeError, SessionNotFound

#: Clears the screen, turns text around, and adds a line that looks like ours.
_NAME = "eve\x1b[2J\u202e\x9b2J\nRemove nobody? [y/N] "


@pytest.mark.parametrize(("answer", "agreed"), [(" Y ", True), ("yes", True), ("", False)])
def test_a_question_shows_a_name_as_it_is(
    answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays on its line, and what would repaint the terminal is shown by a sign."""
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question="": (asked.append(question), answer)[1])
    app: Any = SimpleNamespace(host=SimpleNamespace(can_ask=True))
    assert confirmed(app, f"Remove {_NAME}? [y/N] ", yes=False) is agreed
    assert asked == ["Remove eve␛[2J\ufffd\ufffd2J␊Remove nobody? [y/N] ? [y/N] "]


def test_an_error_shows_a_name_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a notebook's traceback, and in what the command line prints."""

    def fail(_: object) -> int:
        raise SessionNotFound("None.", why=f"It is {_NAME}'s.")

    error: Any = IpyClaudeError("None.", why=f"It is {_NAME}'s.")
    assert "\x1b" not in "".join(error._render_traceback_())
    monkeypatch.setattr("ipyclaude.cli._doctor", fail)
    assert main(["doctor"]) == 1
    assert "eve␛[2J" in (said := capsys.readouterr().err)
    assert "\x1b" not in said
