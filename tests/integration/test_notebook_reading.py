"""Claude reads the notebook: its file where one is known, and what this kernel has run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from hosts import Notebook
from kernels import Kernel, Place
from lending import ask, call, told

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]

_NBFORMAT: Any = nbformat  # it has no types
_V4 = _NBFORMAT.v4


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    """A kernel that knows its notebook's file."""
    stream = _V4.new_output("stream", text="saved words\n" * 1000)
    cells = [
        _V4.new_markdown_cell("# Heights", id="title"),
        _V4.new_code_cell("print('saved')", id="first", outputs=[stream], execution_count=7),
    ]
    path = place.work / "heights.ipynb"
    _NBFORMAT.write(_V4.new_notebook(cells=cells), path)
    return Notebook(start(place, model, JPY_SESSION_NAME=str(path)))


def test_cells_are_read_with_their_outputs(nb: Notebook, model: ScriptedModel) -> None:
    """The file's cells by id, and those that ran; looking needs no permission."""
    nb.run("print('ran', 1 + 1)")
    nb.run("1 / 0")
    ask(nb, model, call("read_notebook"), allow="Read")
    text = told(model)
    assert "heights.ipynb, 2 cells, as saved at " in text
    assert "#0 markdown id=title\n# Heights" in text
    assert "#1 code id=first [7]\nprint('saved')\noutput:\nsaved words" in text
    assert text.count("saved words") < 200
    assert "print('ran', 1 + 1)\noutput:\nran 2" in text
    assert "ZeroDivisionError" in text
    ask(nb, model, call("read_notebook", start=1, count=1), allow="Read")
    assert "# Heights" not in told(model)


def test_an_output_is_read_in_full(nb: Notebook, model: ScriptedModel) -> None:
    """By the cell's id or its execution count, from the kernel or from the file."""
    nb.run("print('ran')", cell="second")
    for wanted, words in (("second", "ran"), ("first", "saved words"), ("[7]", "saved words")):
        ask(nb, model, call("read_output", cell=wanted), allow="Read")
        assert told(model).startswith(words)
    assert told(model).count("saved words") == 1000
    ask(nb, model, call("read_output", cell="99"), allow="Read")
    assert "There is no cell '99'" in told(model)


def test_a_long_output_is_read_piece_by_piece(nb: Notebook, model: ScriptedModel) -> None:
    """Each piece says where the next begins; a secret on the edge stays masked (S6)."""
    nb.run(
        "import os\nos.environ['WING_TOKEN'] = 'correct horse battery'\n"
        "print('x' * 19_990 + os.environ['WING_TOKEN'] + 'y' * 9_967 + 'the end')", cell="long",
    )  # fmt: skip
    ask(nb, model, call("read_output", cell="long"), allow="Read")
    assert "correct" not in told(model)
    assert "(Characters 0 to 20,000 of 29,968; go on with start=20000.)" in told(model)
    ask(nb, model, call("read_output", cell="long", start=20_000), allow="Read")
    assert "battery" not in told(model)
    assert told(model).endswith("the end\n(Characters 20,000 to 29,968 of 29,968, its end.)")
    ask(nb, model, call("read_output", cell="long", start=30_000), allow="Read")
    assert "It has 29,968 characters only." in told(model)


def test_a_file_that_is_none_is_survived(nb: Notebook, model: ScriptedModel, place: Place) -> None:
    """A broken file leaves what the kernel knows."""
    (place.work / "heights.ipynb").write_text("{broken")
    nb.run("print('ran')")
    ask(nb, model, call("read_notebook"), allow="Read")
    assert told(model).startswith("Cells that this kernel has run")


def test_packages_are_asked_for(nb: Notebook, model: ScriptedModel) -> None:
    """Installing asks first; what is no package's name never reaches pip (S12)."""
    model.script(call("install_package", packages=["colorama"]), "Not installed.")
    shown = nb.run("%claude install it", answers=["n"])
    assert "install_package" in shown.text
    allow = "mcp__notebook__install_package"
    ask(nb, model, call("install_package", packages=["--index-url=http://x"]), allow=allow)
    assert "validation" in told(model)
    ask(nb, model, call("install_package", packages=["ipython"]), allow=allow)
    assert "already satisfied" in told(model)
