"""Claude's code in a real JupyterLab: what it shows, and how a person ends it."""

from __future__ import annotations

from typing import Any

from bare_host import hook
from live_notebook import Desk, find_chromium
from playwright.sync_api import Browser, expect

from ipyclaude.testing import Reply, tool
from ipyclaude.testing.requests import blocks_of

RUN = "mcp__notebook__run_python"
ASK = f"%%claude --allow {RUN} --again\n"
_DRAWS = """
import matplotlib.pyplot as plt, pandas as pd, plotly.graph_objects as go
plt.plot([1, 3, 2]); plt.show()
display(pd.DataFrame({"height": [1, 2]}))
go.Figure(go.Scatter(y=[1, 3, 2], name="fern")).show()
"""
_HOSTILE = """
class Raises:
    def __repr__(self): raise ValueError("no")
class Hangs:
    def __repr__(self):
        while True: pass
raises, hangs, text = Raises(), Hangs(), "y" * 1_000_000_000
"""


def _call(name: str, /, **arguments: str) -> Reply:
    return Reply(tool(f"mcp__notebook__{name}", arguments))


def _told(desk: Desk) -> list[Any]:
    """Return the contents of the tool results that the last request holds."""
    blocks = [block for m in desk.model.requests[-1]["messages"] for block in blocks_of(m)]
    return [block["content"] for block in blocks if block["type"] == "tool_result"]


def test_plots_and_tables_are_seen_by_both(desk: Desk, chromium: Browser) -> None:
    """matplotlib, pandas and plotly show in the cell as ever; Claude gets both plots as images."""
    desk.env["BROWSER_PATH"] = find_chromium() or chromium.browser_type.executable_path
    desk.model.script(_call("run_python", code=_DRAWS), "Seen.")
    nb = desk.open(ASK + "Draw it.")
    nb.run(1)
    expect(nb.output(1).locator(".jp-RenderedImage img")).to_have_count(1)
    expect(nb.output(1).locator("table.dataframe")).to_contain_text("height")
    expect(nb.output(1).locator(".js-plotly-plot .main-svg").first).to_be_visible()
    [told] = _told(desk)
    pictures = [part["source"]["media_type"] for part in told if part["type"] == "image"]
    assert pictures == ["image/png", "image/png"], told
    assert nb.foreign_requests == []


def test_the_kernel_stays_the_persons(desk: Desk) -> None:
    """The interrupt button ends a sleep, a call in C and a question; a `repr` that raises, hangs
    or is 1 GB is survived; in the chat Claude's code waits for the cell that runs, and says so.
    """
    waits = {
        "sleep": "import time\nprint('begun')\ntime.sleep(600)",
        # What is printed waits for the interpreter's lock, which the call then holds.
        "C": "import re, time\nprint('begun')\ntime.sleep(1)\nre.match('(a|aa)+$', 'a' * 90 + 'b')",
        "question": "input('begun')",
    }
    busy = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.1)\norder = 'cell'"
    nb = desk.open(
        *(ASK + kind for kind in waits),
        _HOSTILE,
        ASK + "Look.",
        "%claude_session chat",
        f"%claude_session allow {RUN} --session",
        busy,
    )
    for cell, code in enumerate(waits.values(), 1):
        desk.model.script(_call("run_python", code=code))
        nb.start(cell)
        expect(nb.output(cell)).to_contain_text("begun")
        nb.interrupt()
        expect(nb.output(cell)).to_contain_text("Stopped by user.")
        nb.wait_idle(cell)
    nb.run(4)
    looks = [_call("inspect_variable", name=name) for name in ("raises", "hangs", "text")]
    desk.model.script(*looks, "Looked.")
    nb.run(5)
    raises, hangs, text = (str(told) for told in _told(desk)[-3:])
    assert "whose repr raises ValueError" in raises
    assert "took more than 5 s" in hangs
    assert "1,000,000,000 characters" in text
    assert len(text) < 20_000
    nb.run(6)
    nb.run(7)
    nb.start(8)
    desk.model.script(_call("run_python", code="print('after the', order)"), "Ran.")
    chat = nb.hook(6, "chat")
    chat.locator(hook("composer")).fill("run it")
    chat.locator(hook("composer")).press("Enter")
    expect(chat.locator(hook("log"))).to_contain_text("the kernel is busy with a cell")
    assert nb.running(8)
    desk.put_file("go", "")
    expect(nb.output(6)).to_contain_text("after the cell")
    expect(chat.locator(hook("log"))).to_contain_text("Ran.")
