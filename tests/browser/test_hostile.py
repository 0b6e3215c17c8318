"""A hostile answer through the real path: nothing of it runs or fetches (S11)."""

from __future__ import annotations

import threading

from live_notebook import Desk, LabNotebook
from playwright.sync_api import expect

from ipyclaude.testing import Reply, text

HOSTILE = """
<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 1">

![a](https://evil.example/a.png) <img src="https://evil.example/b.png" srcset="//evil.example/c 2x">

[js](javascript:window.hacked=1) [ok](https://ok.example)

<a href="javascript:window.hacked=1">raw link</a>

<svg onload="window.hacked = 1"><image href="https://evil.example/d.png"/></svg>

<iframe src="https://evil.example/e" srcdoc="<script>parent.hacked = 1</script>"></iframe>

<form action="https://evil.example/h"><input><button>Send</button></form>

<style>body { background: url(https://evil.example/g) }</style>

The end.
"""
BAD = "script, iframe, object, embed, form, style, video, link, input, img[src^=http], [onerror]"


def _check(nb: LabNotebook) -> None:
    output = nb.output(1)
    for link in output.get_by_role("link").all():
        href = link.get_attribute("href") or ""
        assert href.startswith("https://"), f"a link that is no plain address: {href}"
    answer = output.locator('[data-ipc="log"], .jp-RenderedHTMLCommon').first
    assert answer.locator(BAD).count() == 0
    assert nb.page.evaluate("window.hacked") is None
    assert nb.foreign_requests == []


def test_a_hostile_answer_runs_and_fetches_nothing(desk: Desk) -> None:
    """Neither the live view, nor the saved output, nor the reopened file runs or fetches it."""
    gate = threading.Event()
    desk.model.script(Reply(text(HOSTILE + "\nLast.", chunk_chars=len(HOSTILE), hold=gate)))
    nb = desk.open("%%claude\nBe hostile")
    nb.start(1)
    expect(nb.hook(1, "message", "live").get_by_text("The end.")).to_be_visible()
    _check(nb)
    gate.set()
    nb.wait_done(1)
    expect(nb.output(1).get_by_text("Last.")).to_be_visible()
    expect(nb.hook(1, "turn")).to_have_count(0)
    _check(nb)
    nb.save()
    nb.reload()
    expect(nb.output(1).get_by_text("The end.")).to_be_visible()
    _check(nb)
