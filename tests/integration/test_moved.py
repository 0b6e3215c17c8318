"""A session goes where its store goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from kernels import Kernel, Place, said

from ipyclaude.testing import Reply, ScriptedModel, thinking, tool

StartKernel = Callable[..., Kernel]


def test_a_copied_store_file_is_enough(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Under another home, folder and configuration the session is shown, and Claude remembers."""
    todo = {"content": "Count the birds", "activeForm": "Counting", "status": "in_progress"}
    model.script(
        Reply(thinking("Hm."), "Three birds.", tool("TodoWrite", todos=[todo])),
        "I have noted it.",
        "There were three.",
    )
    kernel = start(place, model)
    kernel.run("%claude -s birds how many birds?")
    kernel.close()
    there = Place(place.root.parent / "somewhere" / "else", work_name="another folder")
    # As a copy tool of SQLite makes it: one file, with nothing beside it.
    with sqlite3.connect(place.store_file) as old, sqlite3.connect(there.store_file) as new:
        old.backup(new)
    place.root.rename(place.root.with_name("gone"))

    moved = start(there, model)
    opened = moved.run("%claude_session open last").text
    assert "'birds'" in opened
    assert "doesn't exist here: Claude works in" in opened
    assert "Three birds." in moved.run("%claude_session show").text
    assert "Count the birds" in moved.run("%claude_session todos").text
    assert "There were three." in moved.run("%claude how many were there?").text
    told = said(model.requests[-1])
    assert "how many birds?" in told
    assert "Three birds." in told
    page = moved.chat()
    assert "Three birds." in page.texts.values()
    assert [t.content for t in page.todos] == ["Count the birds"]
