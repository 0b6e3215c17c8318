"""The state line, where sessions stay on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pages import FakeDesk

from ipyclaude.settings import IPyClaude
from ipyclaude.statelines import StateLines


def test_a_chosen_model_stands_before_it_was_used(desk: FakeDesk) -> None:
    """What the next turn runs with is told; without a choice that is what the last one had."""
    session = desk.session(None)
    lines = StateLines(IPyClaude(), Path("store"), None, lambda: [session])
    assert lines.asked(session).model is None
    desk.store.put(session.info.model_copy(update={"model": "claude-opus-5-5"}))
    session.refresh()
    assert lines.asked(session).model == "claude-opus-5-5"
    session.options = replace(session.options, model="sonnet")
    assert lines.asked(session).model == "sonnet"
