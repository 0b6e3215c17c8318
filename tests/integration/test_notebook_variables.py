"""What Claude sees of the user's variables in a real kernel, unasked, and what it doesn't."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Place
from lending import ask, call, code, result, told

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    return Notebook(start(place, model))


def inspect(nb: Notebook, model: ScriptedModel, name: str) -> str:
    """Have Claude look at a variable; return what it was told."""
    assert ask(nb, model, call("inspect_variable", name=name), allow="Read").status == "ok"
    return told(model)


def test_variables_are_listed(nb: Notebook, model: ScriptedModel) -> None:
    """Looking needs no permission; names, types and sizes are told."""
    nb.run("import pandas as pd\nheights = pd.DataFrame({'cm': [1, 2]})\nname = 'Ada'\n_x = 1")
    ask(nb, model, call("list_variables"), allow="Read")
    assert "heights: pandas.DataFrame, 2 x 1\nname: str = 'Ada'\nmodules: pd" in told(model)
    assert "_x" not in told(model)


def test_tables_and_figures_are_looked_at(nb: Notebook, model: ScriptedModel) -> None:
    """A table's columns and head as text, a figure's picture as an image."""
    nb.run(
        "import pandas as pd, matplotlib.pyplot as plt\n"
        "heights = pd.DataFrame({'cm': [170.5, None]})\n"
        "fig, ax = plt.subplots()\nax.plot([1, 3])\nax.set_title('Growth')"
    )
    assert "'cm' float64, 1 missing" in inspect(nb, model, "heights")
    assert "title Growth" in inspect(nb, model, "fig")
    assert "image" in {part["type"] for part in result(model)}
    assert "There is heights" in inspect(nb, model, "heihgts")


def test_hostile_values_are_survived(nb: Notebook, model: ScriptedModel) -> None:
    """A `repr` that raises, hangs or is 1 GB ends soon, and the kernel lives."""
    nb.run(
        "class Raises:\n    def __repr__(self): raise ValueError('no')\n"
        "class Hangs:\n    def __repr__(self):\n        while True: pass\n"
        "class Huge:\n    def __repr__(self): return 'x' * 1_000_000_000\n"
        "raises, hangs, huge, text = Raises(), Hangs(), Huge(), 'y' * 1_000_000_000"
    )
    assert "whose repr raises ValueError" in inspect(nb, model, "raises")
    assert "took more than 5 s" in inspect(nb, model, "hangs")
    for name in ("huge", "text"):
        assert len(inspect(nb, model, name)) < 20_000
    ask(nb, model, call("list_variables"), allow="Read")
    assert "hangs: Hangs" in told(model)
    assert nb.value("1 + 1") == 2


def test_secrets_are_masked_in_all_that_tools_tell(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Neither a variable's value nor what code prints takes a secret to the model (S6)."""
    nb = Notebook(start(place, model, SERVICE_TOKEN="correct horse battery"))
    nb.run("import os\npassword = 'hunter2isgood'\nkeys = {'api_key': 'abcdef123456'}")
    ask(nb, model, call("list_variables"), allow="Read")
    inspect(nb, model, "keys")
    ask(nb, model, code("print(os.environ['SERVICE_TOKEN'], keys)\nraise ValueError(keys)"))
    assert "••••" in told(model)
    sent = "".join(request.text for request in model.requests)
    for secret in ("hunter2isgood", "abcdef123456", "correct horse battery"):
        assert secret not in sent
