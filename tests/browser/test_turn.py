"""One `%%claude` cell in a real JupyterLab, from its first word to the reopened notebook."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from live_notebook import Desk, LabNotebook
from playwright.sync_api import expect

import ipyclaude
from ipyclaude.testing import Reply, text, thinking, tool
from ipyclaude.testing.replies import hold

ANSWER = "The plan is done."
BUNDLE_BYTES = (Path(ipyclaude.__file__).parent / "static/widget.js").stat().st_size


def _plan(gate: threading.Event, work: threading.Event, last: threading.Event) -> list[Reply]:
    """Thinking, words, a plan of two steps, a tool, and a last word; held three times."""
    return [
        Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate"})),
        Reply(
            thinking("A thought that is folded."),
            text("First words, then a plan.", chunk_chars=12, hold=gate),
            tool("TaskCreate", {"subject": "Count the birds", "description": "d"}),
            tool("TaskCreate", {"subject": "Write it down", "description": "d"}),
        ),
        Reply(
            hold(work),
            tool("TaskUpdate", {"taskId": "1", "status": "completed"}),
            tool("Bash", {"command": "echo from-the-tool", "description": "Say a word"}),
        ),
        Reply(text(f"Nearly there. {ANSWER}", chunk_chars=13, hold=last)),
    ]


def _held(gate: threading.Event, words: str = "One, two, three.") -> Reply:
    """Words of which the first three or so come, and the others when `gate` is set."""
    return Reply(text(words, chunk_chars=4, hold=gate))


def _mime(outputs: list[dict[str, Any]]) -> set[str]:
    return {kind for output in outputs for kind in output.get("data", ())}


def test_a_turn_grows_before_the_eyes_and_stays_in_the_file(desk: Desk) -> None:
    """Words, to-dos and tools show while the cell runs; the file holds the answer (S10)."""
    gate, work, last = threading.Event(), threading.Event(), threading.Event()
    desk.model.script(*_plan(gate, work, last))
    nb = desk.open("%%claude --allow Bash\nCount the birds")
    nb.start(1)
    expect(nb.hook(1, "message", "live").get_by_text("First words")).to_be_visible()
    assert nb.running(1)
    thought = nb.output(1).locator('[data-block="thinking"]')
    expect(thought).to_contain_text("A thought that is folded.")
    expect(thought.get_by_text("A thought that is folded.")).to_be_hidden()
    gate.set()
    expect(nb.hook(1, "todo", "pending").get_by_text("Count the birds")).to_be_visible()
    work.set()
    expect(nb.hook(1, "todo", "completed").get_by_text("Count the birds")).to_be_visible()
    expect(nb.hook(1, "todo", "pending").get_by_text("Write it down")).to_be_visible()
    card = nb.output(1).locator('[data-tool="Bash"][data-state="ok"]')
    expect(card).to_contain_text("from-the-tool")
    expect(nb.hook(1, "stop")).to_be_visible()
    assert nb.running(1)
    last.set()
    nb.wait_done(1)
    _check_the_file(nb)
    _check_without_a_kernel(desk, nb)


def _check_the_file(nb: LabNotebook) -> None:
    expect(nb.output(1).get_by_text(ANSWER)).to_be_visible()
    saved = nb.save()
    assert _mime(saved.cells[1].outputs) == {"text/html", "text/markdown", "text/plain"}
    for words in saved.cells[1].outputs[0].data.values():
        assert ANSWER in words
        assert "Count the birds" in words
    states = saved.metadata.get("widgets", {})
    assert "widget.js" not in str(states)
    assert len(str(states)) < 2000, "the widget's state was left in the file"


def _check_without_a_kernel(desk: Desk, nb: LabNotebook) -> None:
    nb.shut_down_kernel()
    nb.close()
    again = LabNotebook.open(desk.context, desk.server, nb.path, kernel=False, may_start=False)
    assert desk.server.api("GET", "kernels") == []
    expect(again.output(1).get_by_text(ANSWER)).to_be_visible()
    expect(again.output(1).get_by_text("Bash: echo from-the-tool")).to_be_visible()


@pytest.mark.parametrize("how", ["button of the view", "button of the kernel"])
def test_stop_ends_the_turn_and_leaves_the_kernel_well(desk: Desk, how: str) -> None:
    """Stop keeps what was said, keeps queued cells from running, and the kernel goes on (S9)."""
    desk.model.script(_held(threading.Event()), "Well again.")
    nb = desk.open(
        "%%claude\nCount", "queued = 1", "'queued' in dir(), 6 * 7", "%%claude\nStill there?"
    )
    nb.start(1)
    nb.start(2)
    expect(nb.hook(1, "message", "live")).to_contain_text("One,")
    if how == "button of the view":
        nb.hook(1, "stop").click()
    else:
        nb.interrupt()
    nb.wait_idle(1)
    expect(nb.output(1).get_by_text("Stopped by user")).to_be_visible()
    expect(nb.output(1).get_by_text("One,")).to_be_visible()
    nb.wait_idle(2)
    nb.run(3)
    expect(nb.output(3)).to_contain_text("(False, 42)")
    nb.run(4)
    expect(nb.output(4).get_by_text("Well again.")).to_be_visible()


def test_a_reload_in_mid_turn_brings_the_live_view_back(desk: Desk) -> None:
    """After a reload the view shows what came while there was no page, and goes on.

    It is not the kernel's first, so it came without the bundle: the new page asks for that.
    """
    first, second = threading.Event(), threading.Event()
    desk.model.script(
        "Here is the bundle.",
        Reply(
            text("Before the reload. ", chunk_chars=7, hold=first),
            text("While away. And after it.", chunk_chars=12, hold=second),
        ),
    )
    nb = desk.open("%claude Hello", "%%claude -b\nGo on")
    nb.run(1)
    received = list[int]()

    def count(frame: str | bytes) -> None:
        received.append(len(frame))

    nb.sockets[-1].on("framereceived", count)
    nb.run(2)
    expect(nb.hook(2, "message", "live")).to_contain_text("Before")
    assert 0 < sum(received) < BUNDLE_BYTES / 2
    nb.save()
    nb.page.goto("about:blank")
    first.set()
    nb.page.goto(nb.server.url(nb.path))
    nb.wait_open(kernel=False)
    expect(nb.hook(2, "message", "live")).to_contain_text("While away.")
    expect(nb.hook(2, "message", "done")).to_contain_text("Before the reload.")
    second.set()
    expect(nb.output(2)).to_contain_text("And after it.")


def test_a_background_turn_returns_at_once(desk: Desk) -> None:
    """With -b the cell ends, others run, its output goes on, and the answer is saved."""
    gate = threading.Event()
    desk.model.script(_held(gate))
    nb = desk.open("%%claude -b\nCount", "print('meanwhile')")
    nb.run(1)
    expect(nb.hook(1, "message", "live")).to_contain_text("One,")
    nb.run(2)
    expect(nb.output(2)).to_contain_text("meanwhile")
    gate.set()
    expect(nb.output(1).get_by_text("One, two, three.")).to_be_visible()
    expect(nb.hook(1, "turn")).to_have_count(0)
    saved = nb.save().cells[1].outputs
    assert _mime(saved) == {"text/html", "text/markdown", "text/plain"}
    assert "One, two, three." in saved[0].data["text/markdown"]
