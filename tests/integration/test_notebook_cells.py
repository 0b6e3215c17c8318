"""Cells where no page can change them: a front end of another make, or nobody at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hosts import Notebook
from kernels import PATIENCE, Kernel, Place
from lending import ask, call, told

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]


def test_a_cell_is_put_below_and_nothing_else(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """`set_next_input` carries a new cell; what can't be done is said with what to do instead."""
    nb = Notebook(start(place, model))
    allow = "mcp__notebook__*"
    model.script(call("insert_cell", source="new = 2"), "Done.")
    sent = nb.send(f"%%claude --allow {allow}\nPut it.")
    assert nb.collect(sent).status == "ok"
    assert "put below the one that asked" in told(model)
    client: Any = nb.kernel.client
    reply = client.get_shell_msg(timeout=PATIENCE)
    while reply["parent_header"]["msg_id"] != sent:
        reply = client.get_shell_msg(timeout=PATIENCE)
    assert reply["content"]["payload"] == [
        {"source": "set_next_input", "text": "new = 2", "replace": False}
    ]
    for name, arguments in (
        ("edit_cell", {"cell": "x", "source": "y"}),
        ("delete_cell", {"cell": "x"}),
        ("run_cell", {"cell": "x"}),
        ("insert_cell", {"source": "# Notes", "kind": "markdown"}),
    ):
        ask(nb, model, call(name, **arguments), allow=allow)
        assert "Show the user what to change instead." in told(model)
    assert "No turn has changed a cell" in nb.run("%claude_session undo").text


def test_a_view_that_cannot_be_made_is_told_after_the_turn(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """The turn goes on without its view, cells and all, and the cell then says why (S14)."""
    nb = Notebook(start(place, model))
    nb.run("import ipyclaude.widget\ndel ipyclaude.widget.LaterTurnView, ipyclaude.widget.TurnView")
    model.script(call("insert_cell", source="new = 2"), "It is below.")
    shown = nb.run("%%claude -o words --allow mcp__notebook__*\nPut it.", answers=[])
    assert "put below the one that asked" in told(model)
    assert "It is below." in shown.text
    assert shown.error == "NameError"
    assert nb.value("words") == "It is below."


def test_changing_cells_asks_first(start: StartKernel, place: Place, model: ScriptedModel) -> None:
    """Putting, changing, deleting and running cells are not what only looks (S12)."""
    nb = Notebook(start(place, model))
    for name, arguments in (
        ("insert_cell", {"source": "new = 2"}),
        ("edit_cell", {"cell": "x", "source": "y"}),
        ("delete_cell", {"cell": "x"}),
        ("run_cell", {"cell": "x"}),
    ):
        ask(nb, model, call(name, **arguments), allow="Read")
        assert f"--allow 'mcp__notebook__{name}'" in told(model)
