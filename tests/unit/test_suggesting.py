"""What the composer offers: commands, files and variables, the nearest first."""

from __future__ import annotations

import base64
import types
from pathlib import Path

import pytest

from ipyclaude.attachments import uploaded
from ipyclaude.engine import SlashCommand
from ipyclaude.exceptions import UsageMistake
from ipyclaude.messages import ImageBlock, TextBlock
from ipyclaude.notebook.recording import CellRun
from ipyclaude.suggesting import commands, mentions

PNG = b"\x89PNG\r\n\x1a\n"


class Trap:
    """Fails whoever looks at it."""

    def __repr__(self) -> str:
        raise AssertionError("a value was looked at")

    __str__ = __len__ = __repr__  # type: ignore[assignment]  # pyright: ignore


def test_commands_begin_with_what_was_written() -> None:
    """The nearest comes first; letters in order are enough."""
    known = [SlashCommand(name) for name in ("compact", "context", "review", "cost")]
    assert [each.insert for each in commands(known, "con")] == ["/context "]
    assert [each.label for each in commands(known, "ct")] == ["/compact", "/context", "/cost"]


def test_a_command_is_told_in_short() -> None:
    """What may follow it, and what the CLI says of it, cut to a line."""
    (found,) = commands([SlashCommand("compact", "Frees " + "much " * 80, "[words]")], "")
    assert found.detail.startswith("[words] Frees much")
    assert len(found.detail) <= 120
    assert commands([SlashCommand("compact")], "")[0].detail == "Claude Code"


def test_cells_that_ran_are_offered_by_their_first_line(tmp_path: Path) -> None:
    """The last one comes first, by the count under which Claude finds it."""
    ran = [
        CellRun(1, "birds = load()\nbirds", "", failed=False, execution_count=1),
        CellRun(2, "plot(birds)", "", failed=True, execution_count=2),
    ]
    found = mentions(str(tmp_path), {}, "birds", ran)
    assert [(each.kind, each.insert, each.detail) for each in found] == [
        ("cell", "cell [2] ", "failed"),
        ("cell", "cell [1] ", "cell"),
    ]


def test_variables_are_named_and_never_looked_at(tmp_path: Path) -> None:
    """Only names and types are told: a value's own code could do anything."""
    names = {"trap": Trap(), "_hidden": 1, "np": types.ModuleType("np"), "In": [], "frame": [1]}
    found = mentions(str(tmp_path), names, "")
    assert [(each.insert, each.detail) for each in found] == [
        ("`trap` ", "Trap"),
        ("`frame` ", "list"),
    ]


def test_files_of_the_folder_are_offered_but_no_hidden_ones(tmp_path: Path) -> None:
    """Folders of tools and hidden files are left out; the name counts before the path."""
    for name in ("data/birds.csv", "birds/notes.md", ".git/birds", "node_modules/birds.js"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = mentions(str(tmp_path), {}, "bird")
    assert [each.insert for each in found] == ["@data/birds.csv ", "@birds/notes.md "]


def test_what_is_dropped_becomes_an_image_or_a_text() -> None:
    """An image is known by its bytes, a file must be text, and both must arrive whole."""
    image = uploaded("a.png", "image/png", base64.b64encode(PNG).decode())
    assert isinstance(image, ImageBlock)
    assert image.source["media_type"] == "image/png"
    text = uploaded("a.csv", "text/csv", base64.b64encode(b"a,b\n").decode())
    assert text == TextBlock(text='<file path="a.csv">\na,b\n\n</file>')
    for name, kind, data in (
        ("a.png", "image/png", base64.b64encode(b"no image").decode()),
        ("a.bin", "", base64.b64encode(b"\xff\xfe\x00").decode()),
        ("a.txt", "text/plain", "%%%"),
    ):
        with pytest.raises(UsageMistake):
            uploaded(name, kind, data)
