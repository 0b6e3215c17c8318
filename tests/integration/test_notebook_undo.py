"""`%claude_session undo` puts back the files that Claude's own tools have changed."""

from __future__ import annotations

from collections.abc import Callable

from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]


def test_files_are_put_back_turn_by_turn(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """The last turn that changed a file first; a file that it made is gone again."""
    nb = Notebook(start(place, model))
    old, made = place.work / "old.txt", place.work / "made.txt"
    old.write_text("one\n")

    def edit(before: str, after: str) -> Reply:
        strings = {"old_string": before, "new_string": after}
        return Reply(tool("Edit", {"file_path": str(old), **strings}))

    model.script(
        Reply(tool("Read", {"file_path": str(old)})), edit("one", "two"), "Two.",
        edit("two", "three"), Reply(tool("Write", {"file_path": str(made), "content": "m"})),
        "Three.", "Nothing.",
    )  # fmt: skip
    for prompt in ("first", "second", "third"):
        nb.run(f"%%claude --allow Read --allow Edit --allow Write\n{prompt}")
    assert (old.read_text(), made.exists()) == ("three\n", True)
    assert "Files are as they were" in nb.run("%claude_session undo").text
    assert (old.read_text(), made.exists()) == ("two\n", False)
    nb.run("%claude_session undo")
    assert old.read_text() == "one\n"
    assert "No turn has changed a cell or a file" in nb.run("%claude_session undo").text


def test_what_cannot_be_put_back_is_said(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Once the process is gone the files stay as they are, and the message says why."""
    nb = Notebook(start(place, model))
    model.script(
        Reply(tool("Write", {"file_path": str(place.work / "a"), "content": "a"})), "Made."
    )
    nb.run("%%claude --allow Write -s made\nwrite it")
    nb.run("%claude_session open made\n%claude_session close\n%claude_session open made")
    shown = nb.run("%claude_session undo").text
    assert "The files cannot be put back." in shown
    assert (place.work / "a").exists()
