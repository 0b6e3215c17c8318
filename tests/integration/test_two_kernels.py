"""Two kernels on one store: each sees what the other does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Page, Place

from ipyclaude.testing import ScriptedModel
from ipyclaude.testing.replies import Reply, hold, text

StartKernel = Callable[..., Kernel]


@pytest.fixture
def pair(place: Place, model: ScriptedModel, start: StartKernel) -> tuple[Kernel, Kernel]:
    """Two kernels on one store; the first one has made the session `shared`."""
    first, second = start(place, model), start(place, model)
    first.run("%claude_session new shared")
    return first, second


def test_what_one_writes_grows_in_the_others_widget(
    pair: tuple[Kernel, Kernel], model: ScriptedModel
) -> None:
    """What one kernel's turn says so far is in the other's open chat, and the whole in the end."""
    gate = threading.Event()
    first, second = pair
    here, there = first.chat(), second.chat("shared")
    model.script(Reply(text("first half "), hold(gate), text("second half")))
    turn_id = here.prompt("Tell me")
    here.kernel.until(lambda: "first half " in _growing(here) + _finished(here))
    there.kernel.until(lambda: "first half " in _growing(there) + _finished(there))
    assert any(m and m.text == "Tell me" for m in there.finished.values())
    gate.set()
    here.ended(turn_id)
    there.kernel.until(lambda: set(there.finished) == set(here.finished))
    assert there.texts == here.texts
    assert there.live == {}


def test_a_turn_that_is_refused_leaves_no_view(
    pair: tuple[Kernel, Kernel], model: ScriptedModel
) -> None:
    """While another kernel's turn runs, a cell says so and nothing else: no view of a turn."""
    gate = threading.Event()
    first, second = pair
    here = first.chat()
    model.script(Reply(hold(gate), text("the answer")))
    turn_id = here.prompt("Tell me")
    first.until(lambda: bool(model.requests))
    shown = Notebook(second).run("%claude -s shared And me", answers=[])
    assert shown.error == "SessionBusy"
    assert shown.outputs == []
    assert [state for _, state in second.opened if state.get("kind") == "turn"] == []
    gate.set()
    here.ended(turn_id)


def _growing(page: Page) -> list[str]:
    return [getattr(live.block, "text", "") for live in page.live.values()]


def _finished(page: Page) -> list[str]:
    return list(page.texts.values())
