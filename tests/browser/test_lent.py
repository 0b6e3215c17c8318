"""Claude changes the notebook's cells in a real JupyterLab and Notebook 7, and it is taken back."""

from __future__ import annotations

import pytest
from live_notebook import Desk, LabNotebook
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
