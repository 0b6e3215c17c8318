"""What the page itself costs, on a bare host: paints, scrolling, memory, size."""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, Page

from .table import Figure

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS / "browser"), str(TESTS / "integration")]

from bare_host import cpu_ms, hook, serve  # noqa: E402
from live_notebook import open_chromium  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 3
TURNS = 1_000
FIRST_LOAD = 400  # KB gzipped
_STATIC = ROOT / "src/ipyclaude/static"
_ANSWER = "Some **words** of an answer with `code`, and a list:\n\n- one\n- two\n\n"
#: Sends `rate` pieces a second; tells how long (ms) after its arrival each was painted.
_PAINTS = """([rate, seconds, words]) => new Promise((done) => {
  const k = window.k = (window.k ?? 0) + 1;
  const live = {k, id: `p-${k}`, turn_id: 't-1', block: {type: 'text', text: ''},
    parent_tool_use_id: null};
  mock.events({type: 'open', live});
  const waits = [], pending = [], channel = new MessageChannel();
  // What is posted in a frame is heard after the frame was painted.
  channel.port1.onmessage = () => {
    const now = performance.now();
    while (pending.length) waits.push(now - pending.shift());
  };
  let left = rate * seconds;
  const tick = setInterval(() => {
    pending.push(performance.now());
    mock.events({type: 'd', k, s: words});
    if (!--left) clearInterval(tick);
  }, 1000 / rate);
  const frame = () => {
    if (!left && !pending.length) return done(waits);
    requestAnimationFrame(() => { channel.port2.postMessage(0); frame(); });
  };
  frame();
})"""
_UP = """() => new Promise((done) => {
  const box = document.querySelector('[data-ipc="scroll"]');
  const older = document.querySelector('[data-ipc="older"]');
  const next = () => {
    box.dispatchEvent(new Event('wheel', {bubbles: true}));
    box.scrollTop -= 3000;
    box.scrollTop === 0 && older.hidden ? done(null) : requestAnimationFrame(next);
  };
  next();
})"""
_FRAMES = """(part) => new Promise((done) => {
  const box = document.querySelector('[data-ipc="scroll"]');
  box.scrollTop = box.scrollHeight * part;
  let left = 60;
  const next = () => {
    box.scrollTop += 60;
    left-- ? requestAnimationFrame(next) : done(null);
  };
  requestAnimationFrame(next);
})"""
_TURN = """([count, words]) => new Promise((done) => {
  let at = 0;
  const say = (type, text) => mock.events({type: 'message', message: {
    client_id: crypto.randomUUID(), session_id: 's-1', type, content: [{type: 'text', text}],
    turn_id: `t-${at}`, timestamp: 0, seq: null, parent_tool_use_id: null}});
  const next = () => {
    if (at++ >= count) return requestAnimationFrame(() => done(null));
    say('user', `Question ${at}?`);
    say('assistant', `${words} ${at}`);
    at % 10 ? next() : requestAnimationFrame(next);
  };
  next();
})"""


def measure() -> list[Figure]:
    """Return the figures of the page on a bare host."""
    with (
        tempfile.TemporaryDirectory() as made,
        serve(Path(made)) as host,
        open_chromium() as browser,
    ):
        return [*_paints(browser, host), _scrolling(browser, host), _memory(browser, host), _size()]


def _page(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.goto(address)
    page.wait_for_function("window.mock?.sent.length > 0")
    return page


def _paints(browser: Browser, host: str) -> list[Figure]:
    page = _page(browser, f"{host}?kind=chat&scene=none")
    found: dict[int, list[float]] = {}
    for rate in (20, 20, 60, 200):  # the first warms up
        page.evaluate("mock.snapshot()")
        found[rate] = page.evaluate(_PAINTS, [rate, SECONDS, _ANSWER])
    page.close()
    slow = found[20]
    return [
        figure
        for rate in (60, 200)
        for figure in (
            Figure(
                f"arrival to paint, median, {rate} updates/s",
                median(found[rate]),
                median(slow),
                "ms",
                1.5,
                "20 updates/s",
            ),
            Figure(
                f"arrival to paint, p95, {rate} updates/s",
                quantiles(found[rate], n=20)[-1],
                quantiles(slow, n=20)[-1],
                "ms",
                3.0,
                "20 updates/s",
            ),
        )
    ]


def _scrolling(browser: Browser, host: str) -> Figure:
    cost: dict[int, float] = {}
    for count in (100, 10_000):
        page = _page(browser, f"{host}?kind=chat&count={count}")
        page.locator(hook("message")).first.wait_for()
        page.evaluate(_UP)
        page.evaluate(_FRAMES, 0.1)
        cost[count] = median(cpu_ms(page, _FRAMES, 0.1) for _ in range(5)) / 60
        page.close()
    return Figure(
        "CPU of a scrolled frame, 10,000 messages", cost[10_000], cost[100], "ms", 1.3, "of 100"
    )


def _heap(page: Page) -> float:
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    metrics: Any = devtools.send("Performance.getMetrics")["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize")


def _memory(browser: Browser, host: str) -> Figure:
    page = _page(browser, f"{host}?kind=chat&scene=none")
    page.evaluate("mock.snapshot()")
    words = _ANSWER * 30
    page.evaluate(_TURN, [20, words])
    before = _heap(page)
    page.evaluate(_TURN, [TURNS, words])
    grown = (_heap(page) - before) / 1e6
    page.close()
    return Figure(
        "page memory after 1,000 turns", max(grown, 0.01), len(words) * TURNS / 1e6, "MB", 3.0,
        "their text",
    )  # fmt: skip


def _size() -> Figure:
    files = (_STATIC / "widget.js", _STATIC / "widget.css")
    size = sum(len(gzip.compress(file.read_bytes())) for file in files) / 1000
    return Figure("first load, gzipped", size, FIRST_LOAD, "KB", 1.0, "limit")
