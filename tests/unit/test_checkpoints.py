"""What takes a turn back is kept on disk, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipyclaude import checkpoints as module
from ipyclaude.checkpoints import Checkpoints
from ipyclaude.protocol import CellChange


def cell(name: str) -> CellChange:
    return CellChange(id=name, op="edit", cell_id="c", source=name)


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "undo")


def write(kept: Checkpoints, turn: str, path: Path, text: str) -> None:
    """Change a file as a tool of the turn does."""
    kept.before("s", turn, path)
    path.write_text(text)
    kept.after("s", turn, path)


def test_a_sessions_id_leads_nowhere_else(kept: Checkpoints, tmp_path: Path) -> None:
    """An id is its maker's to choose: none makes us delete, or bring back, what is not ours."""
    mine = tmp_path / "mine"
    (mine / "1").mkdir(parents=True)
    (mine / "1" / "cells.jsonl").write_text(cell("a").model_dump_json())
    for made_up in (str(mine), "../mine", ".."):
        assert kept.last(made_up) == ""
        kept.note(made_up, "2", cell("b"))
        kept.forget(made_up)
        assert kept.last(made_up) == ""
    assert [each.name for each in mine.iterdir()] == ["1"]


def test_cells_are_taken_back_backwards_the_last_turn_first(kept: Checkpoints) -> None:
    """Each session has its own turns, and what could not be undone stays."""
    for turn, name in (("1", "a"), ("2", "b"), ("2", "\ud83d c")):
        kept.note("s", turn, cell(name))
    assert kept.last("other") == ""
    assert kept.last("s") == "2"
    assert [each.source for each in kept.cells("s", "2")] == ["\ud83d c", "b"]
    kept.leave("s", "2", [], [cell("b")])
    assert kept.cells("s", "2") == (cell("b"),)
    kept.leave("s", "2", [], [])
    assert kept.last("s") == "1"
    kept.forget("s")
    assert kept.last("s") == ""


def test_a_file_is_kept_as_it_was_before_the_turns_first_change(
    kept: Checkpoints, tmp_path: Path
) -> None:
    """Whatever its bytes; a file that was not there is removed."""
    old, new = tmp_path / "old", tmp_path / "folder" / "new"
    old.write_bytes(b"\xff\x00one")
    new.parent.mkdir()
    for text in ("two", "three"):
        write(kept, "1", old, text)
    write(kept, "1", new, "new")
    files = Checkpoints(tmp_path / "undo").changed("s", "1")
    assert [file.path for file in files] == [old, new]
    for file in files:
        assert file.stands
        file.put_back()
    assert old.read_bytes() == b"\xff\x00one"
    assert not new.exists()


def test_what_a_tool_was_not_allowed_to_change_is_no_change(
    kept: Checkpoints, tmp_path: Path
) -> None:
    """A copy alone makes no turn that could be taken back."""
    kept.before("s", "1", tmp_path / "a")
    assert kept.last("s") == ""


def test_a_file_that_was_changed_since_is_told(kept: Checkpoints, tmp_path: Path) -> None:
    """Whoever changed it: what they did would be lost."""
    file = tmp_path / "a"
    write(kept, "1", file, "claude")
    file.write_text("person")
    assert not kept.changed("s", "1")[0].stands


def test_copies_are_bounded(
    kept: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By file, by turns of a session and by all that is kept; the oldest go first."""
    monkeypatch.setattr(module, "MAX_FILE", 1000)
    monkeypatch.setattr(module, "MAX_TURNS", 3)
    file = tmp_path / "a"
    file.write_text("x" * 1001)
    write(kept, "0", file, "small")
    assert "larger" in kept.changed("s", "0")[0].missing
    for turn in "12345":
        write(kept, turn, file, turn * 900)
    assert {turn for turn in "012345" if kept.changed("s", turn)} == {"3", "4", "5"}
    monkeypatch.setattr(module, "MAX_ALL", 2500)
    kept.before("other", "6", file)
    kept.before("other", "7", file)
    assert {turn for turn in "345" if kept.changed("s", turn)} == {"5"}


def test_a_line_that_a_kill_cut_short_is_left_out(kept: Checkpoints, tmp_path: Path) -> None:
    """What was written before it counts."""
    write(kept, "1", tmp_path / "a", "claude")
    with (tmp_path / "undo" / "s" / "1" / "files.jsonl").open("a") as lines:
        lines.write('{"path": "/ho')
    assert [file.path for file in kept.changed("s", "1")] == [tmp_path / "a"]


def test_copies_are_private(kept: Checkpoints, tmp_path: Path) -> None:
    """They may hold what only their owner may read (S6)."""
    write(kept, "1", tmp_path / "a", "claude")
    assert (tmp_path / "undo").stat().st_mode & 0o077 == 0
