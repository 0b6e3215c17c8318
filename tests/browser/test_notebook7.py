"""The main path in Notebook 7."""

from __future__ import annotations

import threading

from live_notebook import Desk
from playwright.sync_api import expect

from ipyclaude.testing import Reply, text, tool


def test_notebook_7_streams_asks_and_keeps_the_answer(desk: Desk) -> None:
    """Words come before the end, a click allows a tool in mid-cell, and the file has the answer."""
    gate = threading.Event()
    desk.model.script(
        Reply(
            text("First words, and others.", chunk_chars=12, hold=gate),
            tool("Bash", {"command": "touch made", "description": "Make"}),
        ),
        "All done.",
    )
    nb = desk.open("%%claude\nMake it", app="notebook")
    nb.start(1)
    expect(nb.hook(1, "message", "live")).to_contain_text("First words")
    assert nb.running(1)
    gate.set()
    nb.hook(1, "allow-once").click()
    nb.wait_done(1)
    assert (nb.server.root / nb.path).with_name("made").exists()
    expect(nb.output(1).get_by_text("All done.")).to_be_visible()
    data = nb.save().cells[1].outputs[0].data
    assert set(data) == {"text/html", "text/markdown", "text/plain"}
    nb.reload()
    expect(nb.output(1).get_by_text("All done.")).to_be_visible()
