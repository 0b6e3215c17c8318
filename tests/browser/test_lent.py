"""Claude changes the notebook's cells in a real JupyterLab and Notebook 7, and it is taken back."""

from __future__ import annotations

import pytest
from live_notebook import Desk, LabNotebook, part
from playwright.sync_api import expect

from ipyclaude.testing import Reply, tool


def _call(name: str, **arguments: str) -> Reply:
    return Reply(tool(f"mcp__notebook__{name}", arguments))


def _sources(notebook: LabNotebook) -> list[str]:
    """Return the cells' sources behind the first cell, as saved."""
    return [cell.source for cell in notebook.save().cells[1:]]


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_cells_are_put_changed_run_and_deleted_and_it_is_undone(desk: Desk, app: str) -> None:
    """Each call reaches the cell with its id; `%claude_session undo` gives all of it back."""
    ask = "%%claude --allow mcp__notebook__*\nTidy up."
    before = [ask, "old = 1", "gone = 1", "%claude_session undo"]
    notebook = desk.open(*before, app=app)
    ids = [cell.id for cell in notebook.save().cells]
    desk.model.script(
        _call("insert_cell", source="new = 2"),
        _call("insert_cell", source="# Notes", kind="markdown", below=ids[2]),
        _call("edit_cell", cell=ids[2], source="old = 3\nprint('ran', old)"),
        _call("delete_cell", cell=ids[3]),
        _call("run_cell", cell=ids[2]),
        _call("edit_cell", cell="no-such-cell", source=""),
        "Tidied.",
    )
    notebook.run(1)
    assert "It runs when the cell that asked has ended" in desk.model.requests[5].text
    assert "No cell of the notebook has the id no-such-cell." in desk.model.requests[6].text
    after = [ask, "new = 2", "old = 3\nprint('ran', old)", "# Notes", before[3]]
    assert _sources(notebook) == after
    expect(notebook.output(3)).to_contain_text("ran 3")
    if app == "lab":  # what takes it back outlives the kernel
        notebook.restart_kernel()
        notebook.run(0)
    notebook.start(5)  # it stands elsewhere when it is done
    expect(notebook.output(4)).to_contain_text("4 of 4 changes of cells are taken back.")
    assert _sources(notebook) == before
    assert [cell.id for cell in notebook.save().cells] == ids
    notebook.run(4)
    expect(notebook.output(4)).to_contain_text("No turn has changed a cell")


def test_a_cell_that_failed_is_fixed_and_all_of_it_is_taken_back(desk: Desk) -> None:
    """What goes along is seen before, without secrets; the fix is allowed by clicks, each with what
    it does in sight; `undo` gives back the cell and takes the file away (S6, S12).
    """
    failing = "password = 'hunter2isgood'\nsteps = [1, 0]\nprint(password)\n1 / steps[1]"
    lines = ["%claude_session context", "%claude fix", "%claude explain", "%claude_session undo"]
    nb = desk.open(failing, *lines)
    ids = [cell.id for cell in nb.save().cells]
    notes = (nb.server.root / nb.path).with_name("notes.md")
    nb.start(1)
    expect(nb.output(1)).to_contain_text("ZeroDivisionError")
    nb.run(2)
    expect(nb.output(2)).to_contain_text("1 / steps[1]")
    expect(nb.output(2)).not_to_contain_text("hunter2isgood")

    fixed = failing.replace("steps[1]", "steps[0]")
    write = Reply(tool("Write", {"file_path": str(notes), "content": "Mind the zero.\n"}))
    desk.model.script(_call("edit_cell", cell=ids[1], source=fixed), write, "Fixed.", "A zero.")
    nb.start(3)
    for sight in ("1 / steps[0]", "Mind the zero."):
        asked = nb.hook(3, "approval", "pending").filter(has_text=sight)
        part(asked, "allow-once").click()
    expect(nb.output(3).get_by_text("Fixed.")).to_be_visible()
    nb.wait_done(3)
    assert nb.save().cells[1].source == fixed
    assert notes.read_text() == "Mind the zero.\n"
    nb.run(4)
    expect(nb.output(4)).to_contain_text("A zero.")
    told = desk.model.requests[0].text
    assert "ZeroDivisionError" in told
    assert "hunter2isgood" not in told

    nb.start(5)
    expect(nb.output(5)).to_contain_text("notes.md is gone again")
    assert nb.save().cells[1].source == failing
    assert not notes.exists()
