"""What of the notebook reaches the model with a prompt, in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hosts import Notebook
from kernels import Kernel, Place, said

from ipyclaude.testing import ScriptedModel
from ipyclaude.testing.requests import blocks_of

StartKernel = Callable[..., Kernel]


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    return Notebook(start(place, model))


def test_what_happened_goes_along_and_can_be_seen_before(
    nb: Notebook, model: ScriptedModel
) -> None:
    """Cells with outputs and errors, variables, each once; `context` shows it before it goes."""
    nb.run("height = 180\nprint('measured', height)")
    nb.run("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    nb.run("1 / 0")
    shown = nb.run("%claude_session context").text
    assert "of 4,000 tokens" in shown
    model.script("One.", "Two.")
    nb.run("%claude What happened?")
    told = said(model.requests[0])
    for words in ("measured 180", "height: int = 180", "[image/png]", "ZeroDivisionError"):
        assert words in shown
        assert words in told
    assert "Nothing has happened" in nb.run("%claude_session context").text
    nb.run("height = 181")
    nb.run("%claude And now?")
    assert said(model.requests[1]).count("measured 180") == 1
    assert "height: int = 181" in said(model.requests[1])
    assert "What happened?" in nb.run("%claude_session show").text
    assert "notebook-context" not in nb.run("%claude_session show").text


def test_the_budget_is_the_users(start: StartKernel, place: Place, model: ScriptedModel) -> None:
    """A setting bounds it, and the subcommand changes it; 0 sends nothing."""
    nb = Notebook(start(place, model, IPYCLAUDE_CONTEXT_BUDGET="300"))
    nb.run("for n in range(1000): print('line', n)")
    assert "of 300 tokens" in nb.run("%claude_session context").text
    assert "budget is 0" in nb.run("%claude_session context --budget 0").text
    model.script("One.")
    nb.run("%claude hello")
    assert "notebook-context" not in said(model.requests[0])


def test_plots_go_along_if_asked(nb: Notebook, model: ScriptedModel) -> None:
    """`context --plots on` shows the plot that goes along, and the model gets it as an image."""
    nb.run("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])")
    shown = nb.run("%claude_session context --plots on")
    assert shown.mime("image/png")
    model.script("One.", "Two.")
    nb.run("%claude What do you see?")
    nb.run("%claude And now?")
    blocks: Any = [b for m in model.requests[-1]["messages"] for b in blocks_of(m)]
    images: Any = [b["source"] for b in blocks if b["type"] == "image"]
    assert [image["media_type"] for image in images] == ["image/png"]
    assert images[0]["data"].strip() == shown.mime("image/png").strip()


def test_secrets_do_not_reach_the_model(nb: Notebook, model: ScriptedModel) -> None:
    """Not in sources, outputs, tracebacks or variables (S6)."""
    nb.run("password = 'hunter2isgood'\nprint('it is', password)\nraise ValueError(password)")
    model.script("One.", "Two.")
    nb.run("%claude What happened?")
    nb.run("%claude fix")
    assert "ValueError" in said(model.requests[1])
    assert "hunter2isgood" not in "".join(request.text for request in model.requests)


def test_run_all_finds_its_stored_answers(nb: Notebook, model: ScriptedModel) -> None:
    """What goes along changes nothing of what was asked: a cell run again has its answer."""
    model.script("Stored.", "Fixed.")
    nb.run("n = 1", cell="a")
    nb.run("%claude hello", cell="b")
    nb.run("n = 2\nprint('news')", cell="a")
    assert "Stored answer" in nb.run("%claude hello", cell="b").text
    nb.run("1 / 0", cell="c")
    nb.run("%claude fix", cell="d")
    nb.run("1 / 0", cell="c")
    assert len(model.requests) == 2


def test_fix_and_explain_act_on_the_last_error(nb: Notebook, model: ScriptedModel) -> None:
    """The cell and its traceback go to the model; without an error it says so."""
    assert "There is no error to fix." in nb.run("%claude fix").text
    nb.run("def half(x):\n    return x / 0\nhalf(4)")
    nb.run("fine = 1")
    model.script("Fixed.", "Explained.")
    assert "Fixed." in nb.run("%claude fix").text
    told = said(model.requests[0])
    assert "return x / 0" in told
    assert "ZeroDivisionError: division by zero" in told
    assert "Explained." in nb.run("%%claude\nExplain").text
    assert "Change nothing" in said(model.requests[1])
