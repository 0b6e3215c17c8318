"""The page in a real browser, on a bare host: no Jupyter, no network."""

from __future__ import annotations

import pytest
from bare_host import STREAM, cpu_ms, hook
from playwright.sync_api import Page, Request

HOSTILE = """
<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 1">

![a](https://evil.example/a.png) <img src="https://evil.example/b.png" srcset="//evil.example/c 2x">

[js](javascript:window.hacked=1) [data](data:text/html,<script>1</script>) [ok](https://ok.example)

<svg onload="window.hacked = 1"><image href="https://evil.example/d.png"/></svg>

<iframe src="https://evil.example/e"></iframe><object data="https://evil.example/f"></object>

<style>body { background: url(https://evil.example/g) }</style>

<form action="https://evil.example/h"><input><button data-ipc="allow-once">Allow</button></form>

<video src="https://evil.example/i" autoplay poster="https://evil.example/j"></video>

<link rel=stylesheet href="https://evil.example/k"><meta http-equiv=refresh content="0;url=https://evil.example/l">

<div style="background: url(https://evil.example/m)">styled</div>

The end.
"""


def test_a_streamed_turn_shows_words_before_it_is_over(page: Page, host: str) -> None:
    """Words, a to-do in progress, a tool card and Stop are there while the turn runs."""
    page.goto(f"{host}?kind=turn&scene=running")
    page.locator(hook("message")).get_by_text("What the data says").wait_for()
    assert page.locator('[data-ipc="message"][data-state="live"]').count() == 1
    assert page.locator('[data-ipc="todo"][data-state="in_progress"]').count() == 1
    assert page.locator('[data-tool="Bash"][data-state="ok"]').count() == 1
    page.locator(hook("stop")).click()
    assert page.evaluate("mock.sent.at(-1).type") == "stop"


def test_hostile_text_runs_and_fetches_nothing(page: Page, host: str) -> None:
    """A hostile answer, streamed or whole, runs no script and sends no request (S11)."""
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.goto(f"{host}?kind=turn&scene=none")
    page.wait_for_function("window.mock?.sent.length > 0")
    page.on("request", note)
    page.evaluate("mock.snapshot()")
    page.evaluate(STREAM, [HOSTILE, 7])
    page.evaluate(
        """(text) => mock.events({type: 'message', message: {client_id: 'm', session_id: 's-1',
        type: 'assistant', content: [{type: 'text', text}], turn_id: 't-1', timestamp: 0, seq: null,
        parent_tool_use_id: null}})""",
        HOSTILE,
    )
    page.locator('[data-id="m"]').get_by_text("The end.").wait_for()
    assert page.evaluate("window.hacked") is None
    assert asked == []
    bad = "script, iframe, object, embed, form, input, style, video, link, img, svg:not(.ipc-icon)"
    log = page.locator(hook("log"))
    assert log.locator(bad).count() == 0
    assert log.locator(hook("allow-once")).count() == 0
    links: list[str] = log.locator("a[href]").evaluate_all("(all) => all.map((a) => a.href)")
    assert set(links) == {"https://ok.example/"}


def test_the_composer_keeps_its_keys(page: Page, host: str) -> None:
    """Shift+Enter breaks the line and never reaches the host; Enter sends."""
    page.goto(f"{host}?kind=chat&scene=done")
    area = page.locator(hook("composer"))
    page.evaluate("window.seen = 0; document.addEventListener('keydown', () => window.seen++)")
    area.fill("one")
    area.press("Shift+Enter")
    area.press_sequentially("two")
    assert area.input_value() == "one\ntwo"
    assert page.evaluate("window.seen") == 0
    area.press("Enter")
    assert page.evaluate("mock.sent.at(-1).text") == "one\ntwo"


def test_the_chat_follows_the_end_until_the_reader_scrolls_up(page: Page, host: str) -> None:
    """New text keeps the end in sight; a reader who scrolled up is left alone."""
    page.goto(f"{host}?kind=chat&scene=done")
    at_end = """() => { const el = document.querySelector('[data-ipc="scroll"]');
        return el.scrollHeight - el.scrollTop - el.clientHeight < 3; }"""
    page.wait_for_function(at_end)
    page.evaluate(STREAM, ["A line of text.\n\n" * 40, 60])
    page.wait_for_function(at_end)
    box = page.locator(hook("scroll"))
    box.hover()
    page.mouse.wheel(0, -300)
    page.locator(hook("latest")).wait_for()
    before = box.evaluate("(el) => el.scrollTop")
    page.evaluate(STREAM, ["More.\n\n" * 20, 60])
    assert abs(box.evaluate("(el) => el.scrollTop") - before) < 2
    page.locator(hook("latest")).click()
    page.wait_for_function(at_end)


SHAPES = {
    "answer": "Some **words** and `code`, then a list:\n\n- a\n- b\n\n```py\nx = f(1)\n```\n\n",
    "paragraph": "words and `code` and *more* ",
    "code": "value = compute(1, 2)  # a line\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_answer_costs_no_more_per_character(page: Page, host: str, shape: str) -> None:
    """CPU per character of a 200 KB streamed answer is at most twice that of a 10 KB one."""
    unit = SHAPES[shape]
    head = "```py\n" if shape == "code" else ""
    cost: dict[int, float] = {}
    for size in (10_000, 200_000):
        page.goto(f"{host}?kind=turn&scene=none")
        page.wait_for_function("window.mock?.sent.length > 0")
        text = head + unit * (size // len(unit))
        page.evaluate("mock.snapshot()")
        page.evaluate(STREAM, [text[:10_000], 500])  # warm up
        page.evaluate("mock.snapshot()")
        runs = 5 if size == 10_000 else 1
        spent = 0.0
        for _ in range(runs):
            spent += cpu_ms(page, STREAM, [text, 500])
            page.evaluate("mock.snapshot()")
        cost[size] = spent / runs / len(text)
    assert cost[200_000] <= 2 * cost[10_000], cost


def test_appending_to_a_long_session_stays_cheap(page: Page, host: str) -> None:
    """A message appended after 10,000 others costs at most twice one appended after 300."""
    page.goto(f"{host}?kind=chat&scene=done")
    add = """(count) => new Promise((done) => {
      let at = 0;
      const next = () => {
        if (at++ >= count) return done(null);
        mock.events({type: 'message', message: {client_id: crypto.randomUUID(), session_id: 's-1',
          type: 'assistant', content: [{type: 'text', text: 'Some **words** here.'}],
          turn_id: 't-1', timestamp: 0, seq: null, parent_tool_use_id: null}});
        if (at % window.burst) next(); else requestAnimationFrame(next);
      };
      next();
    })"""
    page.evaluate("window.burst = 1")
    page.evaluate(add, 300)
    early = cpu_ms(page, add, 60)
    page.evaluate("window.burst = 50")
    page.evaluate(add, 9_600)
    page.evaluate("window.burst = 1")
    late = cpu_ms(page, add, 60)
    assert late <= 2 * early, f"{early:.0f} ms, then {late:.0f} ms"
