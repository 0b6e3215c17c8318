"""Notebooks run with nobody there: nbclient, papermill and nbconvert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels import PATIENCE, Place, said
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from ipyclaude.testing import Reply, ScriptedModel, tool

_ANSWER = "It is **blue**, <script>alert(1)</script> they say."


def notebook(*cells: str) -> Any:
    """A notebook whose first cell loads the extension."""
    made: Any = nbformat
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    new = made.v4.new_notebook(metadata={"kernelspec": kernel})
    new.cells = [made.v4.new_code_cell(source) for source in ("%load_ext ipyclaude", *cells)]
    return new


def execute(nb: Any, place: Place, model: ScriptedModel) -> Any:
    """Execute with nbclient, without the state of widgets."""
    client: Any = NotebookClient(
        nb,
        timeout=PATIENCE,
        store_widget_state=True,
        resources={"metadata": {"path": str(place.work)}},
    )
    return client.execute(env=place.env(model))


def command(place: Place, model: ScriptedModel, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a Jupyter command in the place."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=place.work,
        env=place.env(model),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_nbclient_saves_the_answer_without_widgets(place: Place, model: ScriptedModel) -> None:
    """The saved cell holds HTML, Markdown and plain text of the answer, sanitised (S10, S11)."""
    model.script(_ANSWER)
    ran = execute(notebook("%%claude -s sky\nWhich colour is the sky?"), place, model)
    [output] = ran.cells[1].outputs
    assert set(output.data) == {"text/html", "text/markdown", "text/plain"}
    assert "<strong>blue</strong>" in output.data["text/html"]
    assert "<script" not in output.data["text/html"]
    assert "It is **blue**" in output.data["text/markdown"]
    assert "It is **blue**" in output.data["text/plain"]
    assert "widgets" not in ran.metadata


def test_run_all_is_safe(place: Place, model: ScriptedModel) -> None:
    """A second run shows the stored answers; cells with the same prompt are turns of their own."""
    model.script("First.", "Second.")
    same = "%%claude -s sky -o answer\nSay something."
    nb = notebook(same, same, "print(answer)")
    first = execute(nb, place, model)
    assert "First." in first.cells[1].outputs[0].data["text/plain"]
    assert "Second." in first.cells[2].outputs[0].data["text/plain"]
    again = execute(nb, place, model)
    assert len(model.requests) == 2
    assert "First." in again.cells[1].outputs[0].data["text/plain"]
    assert "Stored answer of 'sky'" in again.cells[1].outputs[0].data["text/plain"]
    assert "Second." in again.cells[2].outputs[0].data["text/plain"]
    assert again.cells[3].outputs[0].text == "Second.\n"


def test_a_tool_is_denied_with_the_way_to_allow_it(place: Place, model: ScriptedModel) -> None:
    """With nobody to ask, nothing runs, and Claude and the reader learn of `--allow` (S12)."""
    model.script(Reply(tool("Bash", {"command": "touch made.txt"})), "I was not allowed.")
    ran = execute(notebook("%%claude\nMake it."), place, model)
    told = said(model.requests[1])
    assert "--allow 'Bash(touch:*)'" in told
    assert "c.IPyClaude.allow" in told
    assert "--allow" in ran.cells[1].outputs[0].data["text/html"]
    assert not (place.work / "made.txt").exists()


def test_a_tool_is_allowed_for_a_turn(place: Place, model: ScriptedModel) -> None:
    """`--allow` lets the tool run in this turn, and not in the next one (S12)."""
    touch = Reply(tool("Bash", {"command": "touch made.txt"}))
    model.script(touch, "Made.", touch, "Refused.")
    cells = ("%%claude --allow 'Bash(touch:*)'\nMake it.", "%%claude\nMake another.")
    execute(notebook(*cells), place, model)
    assert (place.work / "made.txt").exists()
    assert "nobody is here" in said(model.requests[3])


def test_an_error_is_one_message(place: Place, model: ScriptedModel) -> None:
    """A bad option stops the notebook, with the words for a person as its traceback."""
    nb = notebook("%%claude --effort huge\nhi")
    with pytest.raises(CellExecutionError) as caught:
        execute(nb, place, model)
    assert "--effort cannot be 'huge'." in str(caught.value)
    [output] = nb.cells[1].outputs
    assert output.ename == "UsageMistake"
    assert len("\n".join(output.traceback).splitlines()) <= 3


def test_in_the_background_and_quietly(place: Place, model: ScriptedModel) -> None:
    """`-b` asks with the notebook going on, and `--quiet -o` shows nothing and binds."""
    model.script("Later.", "Bound.")
    cells = (
        "%%claude -s a -b\nhi",
        "%%claude -s b --quiet -o bound\nhi",
        "print(bound)",
    )
    ran = execute(notebook(*cells), place, model)
    [answer] = ran.cells[1].outputs
    assert set(answer.data) == {"text/html", "text/markdown", "text/plain"}
    assert ran.cells[2].outputs == []
    assert len(model.requests) == 2
    assert ran.cells[3].outputs[0].text in ("Later.\n", "Bound.\n")


def test_papermill_passes_parameters_into_prompts(place: Place, model: ScriptedModel) -> None:
    """A parameter of papermill is what `{name}` in the prompt becomes."""
    model.script("Sunny.")
    nb = notebook("city = 'Nowhere'", "%%claude\nHow is the weather in {city}?")
    nb.cells[1].metadata["tags"] = ["parameters"]
    source = place.work / "in.ipynb"
    source.write_text(json.dumps(nb), encoding="utf-8")
    ran = command(place, model, "papermill", "in.ipynb", "out.ipynb", "-p", "city", "Oslo")
    assert ran.returncode == 0, ran.stderr
    assert "How is the weather in Oslo?" in said(model.requests[0])
    assert "Sunny." in (place.work / "out.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "file", "shown"),
    [("html", "in.html", "<strong>blue"), ("markdown", "in.md", "<strong>blue")],
)
def test_nbconvert_executes_to_a_page(
    place: Place, model: ScriptedModel, kind: str, file: str, shown: str
) -> None:
    """The answer is in the page, without a script of the model's and without a widget (S10)."""
    model.script(_ANSWER)
    source = place.work / "in.ipynb"
    source.write_text(json.dumps(notebook("%claude the sky?")), encoding="utf-8")
    ran = command(place, model, "nbconvert", "--execute", "--to", kind, "in.ipynb")
    assert ran.returncode == 0, ran.stderr
    page = Path(place.work / file).read_text(encoding="utf-8")
    assert shown in page
    assert "<script>alert(1)" not in page
    assert "widget-view" not in page


def test_nbconvert_fails_with_the_message(place: Place, model: ScriptedModel) -> None:
    """An error makes the command fail, and its words are what the command prints."""
    source = place.work / "in.ipynb"
    source.write_text(json.dumps(notebook("%claude -s")), encoding="utf-8")
    ran = command(place, model, "nbconvert", "--execute", "--to", "html", "in.ipynb")
    assert ran.returncode != 0
    assert "-s needs NAME." in ran.stderr
