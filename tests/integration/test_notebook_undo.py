"""`%claude_session undo` puts back the files that Claude's own tools have changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]


WRITING = "%%claude --allow Read --allow Edit --allow Write\n"


def edit(file: Path, before: str, after: str) -> Reply:
    """Have Claude edit a file."""
    strings = {"old_string": before, "new_string": after}
    return Reply(tool("Edit", {"file_path": str(file), **strings}))


def write(file: Path, content: str) -> Reply:
    """Have Claude write a file."""
    return Reply(tool("Write", {"file_path": str(file), "content": content}))


def test_files_are_put_back_turn_by_turn(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """The last turn that changed a file first, though Claude's process and the kernel are gone."""
    nb = Notebook(start(place, model, JPY_SESSION_NAME="a.ipynb"))
    old, made = place.work / "old.txt", place.work / "made.txt"
    old.write_text("one\n")
    model.script(
        Reply(tool("Read", {"file_path": str(old)})), edit(old, "one", "two"), "Two.",
        edit(old, "two", "three"), write(made, "m"), "Three.", "Nothing.",
    )  # fmt: skip
    for prompt in ("first", "second", "third"):
        nb.run(WRITING + prompt)
    assert (old.read_text(), made.exists()) == ("three\n", True)
    nb.kernel.kill()
    nb = Notebook(start(place, model, JPY_SESSION_NAME="a.ipynb"))
    nb.run("%load_ext ipyclaude")
    shown = nb.run("%claude_session undo").text
    assert "old.txt is as it was before the turn" in shown
    assert "made.txt is gone again" in shown
    assert (old.read_text(), made.exists()) == ("two\n", False)
    nb.run("%claude_session undo")
    assert old.read_text() == "one\n"
    assert "No turn has changed a cell or a file" in nb.run("%claude_session undo").text


def test_a_resumed_process_keeps_copies_too(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Its turns are taken back as those of the first process are; what a person did since stays."""
    nb = Notebook(start(place, model))
    file = place.work / "a.txt"
    file.write_text("one\n")
    model.script(Reply(tool("Read", {"file_path": str(file)})), "Read.", "Again.")
    nb.run("%%claude --allow Read -s made\nread it")
    nb.run("%claude_session open made\n%claude_session close\n%claude_session open made")
    model.script(write(file, "two\n"), "Written.")
    nb.run("%claude again")
    nb.run(WRITING + "write it")
    assert file.read_text() == "two\n"
    file.write_text("mine\n")
    assert "undo --force puts it back all the same" in nb.run("%claude_session undo").text
    assert file.read_text() == "mine\n"
    nb.run("%claude_session undo --force")
    assert file.read_text() == "one\n"


def test_what_was_not_allowed_is_no_change(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """A refused edit leaves nothing to take back."""
    nb = Notebook(start(place, model))
    model.script(write(place.work / "a", "a"), "Not made.")
    nb.run("%claude write it")
    assert not (place.work / "a").exists()
    assert "No turn has changed a cell or a file" in nb.run("%claude_session undo").text
