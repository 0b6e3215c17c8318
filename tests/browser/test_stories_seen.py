"""What a person sees of the chat in a real JupyterLab: long, rich, and fit for whoever reads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from bare_host import JS, hook
from playwright.sync_api import Locator, ViewportSize, expect
from shared_lab import CHAT, Seat

from ipyclaude.testing import Reply, text, thinking, tool

#: Scrolls all the way up or down, `step` pixels a frame; tells the times between frames (ms), and
#: the most messages that were in the document at once.
_SCROLL = """([box, step]) => new Promise((done) => {
  const older = box.querySelector('[data-ipc="older"]');
  const times = [];
  let last = performance.now(), most = 0, still = 0, before = -1;
  const next = (now) => {
    times.push(now - last);
    last = now;
    box.dispatchEvent(new Event('wheel', {bubbles: true}));
    box.scrollTop += step;
    most = Math.max(most, box.querySelectorAll('[data-ipc="message"]').length);
    still = box.scrollTop === before && older.hidden ? still + 1 : 0;
    before = box.scrollTop;
    if (still < 4) return void requestAnimationFrame(next);
    times.sort((a, b) => a - b);
    const part = (share) => Math.round(times[Math.floor(times.length * share)]);
    done({frames: times.length, most, p50: part(0.5), p95: part(0.95)});
  };
  requestAnimationFrame(next);
})"""


def test_ten_thousand_messages_are_scrolled_from_end_to_end(
    seat: Seat, record_property: Callable[[str, object], None]
) -> None:
    """All are reached by scrolling, few are ever in the page; what is far up is found."""
    turns = [(f"Question {n}?", f"Answer **{n}**. " + "Words. " * (n % 40)) for n in range(5000)]
    seat.seed("long-one", turns)
    seat.part("sessions").click()
    seat.part("session-search").fill("long-one")
    expect(seat.part("session")).to_have_count(1)
    seat.part("session").click()
    expect(seat.part("log")).to_contain_text("Answer 4999.")
    box = seat.part("scroll").element_handle()
    for way, step, end in (("up", -6000, "Question 0?"), ("down", 6000, "Answer 4999.")):
        seen: dict[str, Any] = seat.page.evaluate(_SCROLL, [box, step])
        record_property(way, seen)
        expect(seat.part("log")).to_contain_text(end)
        assert seen["most"] < 120, seen
        # Milliseconds, of a machine that has other things to do.
        assert seen["p50"] < 250, seen
    expect(seat.part("message").last).to_have_attribute("aria-setsize", "10000")

    seat.part("find").click()
    expect(seat.part("found")).to_have_count(50)
    expect(seat.part("found").first).to_contain_text("Question 4999?")
    seat.part("find-field").fill("Question 42")
    expect(seat.part("found").first).to_contain_text("Question 4299?")
    for shown in (100, 111):
        seat.part("found-more").click()
        expect(seat.part("found")).to_have_count(shown)
    expect(seat.part("found-more")).to_be_hidden()
    seat.part("found").last.press("Enter")
    found = seat.part("message").filter(has_text="Question 42?")
    expect(found).to_be_in_viewport()
    expect(found).to_be_focused()

    place = seat.part("scroll").evaluate("(el) => el.scrollTop")
    seat.model.script("New at the end.")
    seat.ask("Anything new?")
    expect(seat.part("latest")).to_have_text("3 new messages")
    assert abs(seat.part("scroll").evaluate("(el) => el.scrollTop") - place) < 2
    seat.part("latest").click()
    expect(seat.part("log")).to_contain_text("New at the end.")
    expect(seat.part("latest")).to_be_hidden()
    expect(seat.part("scroll")).to_be_focused()


_PLOT = """import base64
from IPython.display import Image, display
display(Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\
+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')))
print('drawn')"""
_REPORT = """| colony | nests |
| --- | --: |
| North | 41 |

- [x] counted
- [ ] compared

About half[^1], $x^2$.

[^1]: In a wet year.
"""


def test_what_claude_does_is_shown_each_in_its_own_way(seat: Seat) -> None:
    """Thought, file, diff, plot, subagent, table, note, what the turn cost, and a command's exit
    code and output, which is there while the command runs.
    """
    place = seat.nb.server.root / seat.nb.path
    script = place.with_name("count.py")
    gate = place.with_name("gate")
    os.mkfifo(gate)
    script.write_text("import birds\n\n\nbirds.count('North')\n")
    seat.model.script(
        Reply(thinking("Look first."), tool("Read", {"file_path": str(script)})),
        Reply(
            tool("Edit", file_path=str(script), old_string="'North'", new_string="'South'"),
            tool("Bash", command="echo one; cat gate; exit 3", description="Count"),
        ),
        Reply(
            tool("mcp__notebook__run_python", {"code": _PLOT}),
            tool("mcp__notebook__read_cloud", {"depth": 3}),
            tool("Agent", description="Ask around", prompt="Who nests?", run_in_background=False),
        ),
        "The subagent says: storks.",
        _REPORT,
    )
    seat.part("mode").select_option("acceptEdits")
    seat.ask("Count them")
    log = seat.part("log")

    def card(name: str) -> Locator:
        found = log.locator(f'[data-tool="{name}"]')
        found.locator("summary").first.click()
        return found

    expect(seat.part("approval")).to_contain_text("exit 3")
    seat.part("allow-once").click()
    expect(card("Bash").locator(hook("printed"))).to_have_text("one\n", timeout=30_000)
    card("Bash")  # folded again
    open_end = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)  # it runs on only since that was seen
    os.write(open_end, b"two\n")
    os.close(open_end)
    expect(seat.part("approval")).to_contain_text("display")
    seat.part("allow-once").click()
    expect(log.locator("table")).to_contain_text("North")
    expect(log.locator("li", has_text="counted")).to_contain_text("☑")
    expect(log.locator(".katex")).to_be_visible()
    expect(log).to_contain_text("In a wet year.")
    seat.part("scroll").press("Home")
    expect(log.locator('[data-block="thinking"]')).to_contain_text("Thought")
    expect(card("Read").locator(".ipc-gutter")).to_contain_text("4")
    expect(card("Edit").locator("mark").first).to_have_text("North")
    bash = card("Bash")
    expect(bash).to_contain_text("exit code 3")
    expect(bash.locator(".ipc-output")).to_have_text("one\ntwo")
    run = card("mcp__notebook__run_python")
    expect(run).to_contain_text("drawn")
    expect(run.locator("img")).to_be_visible()
    expect(seat.nb.output(CHAT).locator(".jp-OutputArea-output img").last).to_be_visible()
    unknown = card("mcp__notebook__read_cloud")
    expect(unknown).to_contain_text("depth")
    expect(unknown).to_contain_text("No such tool")
    expect(unknown).not_to_contain_text("tool_use_error")
    expect(card("Agent")).to_contain_text("The subagent says: storks.")
    seat.part("scroll").press("End")
    expect(seat.ends).to_contain_text("out · ")
    expect(seat.ends).to_contain_text("$")
    expect(seat.part("context")).to_be_visible()


AXE = (JS / "node_modules" / "axe-core" / "axe.min.js").read_text()
_FAULTS = """() => axe.run('.ipc', {resultTypes: ['violations'], runOnly: {type: 'tag',
  values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})
  .then(({violations}) => violations.map((each) => [each.id, each.nodes[0].html]))"""
_THEME = "(name) => document.body.dataset.jpThemeName === name"
THEMES = ("JupyterLab Dark", "JupyterLab Dark High Contrast", "JupyterLab Light")


def test_it_fits_every_eye_hand_and_sheet(seat: Seat) -> None:
    """Axe finds nothing in any theme; zoomed, mirrored, printed or beside the notebook it fits."""
    gate = threading.Event()
    said = "Herons:\n\n```python\nx = 1\n```\n\nMore words."
    seat.model.script(Reply(tool("Bash", {"command": "echo hi"}), text(said)), "Beside it.")
    seat.model.script(Reply(text("One, two, three.", chunk_chars=4, hold=gate)))
    seat.ask("Tell me")
    expect(seat.part("log")).to_contain_text("More words.")
    page = seat.page
    page.evaluate(AXE)
    for theme in THEMES:
        seat.nb.command("apputils:change-theme", theme=theme)
        page.wait_for_function(_THEME, arg=theme)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        seat.part("sessions").click()
        expect(seat.part("session").first).to_be_visible()
        assert page.evaluate(_FAULTS) == [], theme
        seat.press("Escape")
    _check_zoomed(seat)
    _check_mirrored(seat)
    _check_printed(seat)
    _check_beside(seat)
    seat.ask("Count")
    expect(seat.part("log")).to_contain_text("One,")
    moving = "(el) => el.getAnimations({subtree: true}).length"
    assert seat.chat.evaluate(moving) > 0
    page.emulate_media(reduced_motion="reduce")
    assert seat.chat.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    gate.set()
    expect(seat.part("log")).to_contain_text("One, two, three.")


def _check_zoomed(seat: Seat) -> None:
    """At 200 % a window shows half as much: nothing is cut off, and all can be reached."""
    size = seat.page.viewport_size
    assert size is not None
    half = ViewportSize(width=size["width"] // 2, height=size["height"] // 2)
    seat.page.set_viewport_size(half)
    seat.part("sessions").click()
    expect(seat.part("session").first).to_be_in_viewport()
    for part in (seat.chat, seat.part("session-panel"), seat.part("log")):
        assert part.evaluate("(el) => el.scrollWidth <= el.clientWidth + 1")
    seat.press("Escape")
    seat.part("composer").scroll_into_view_if_needed()
    expect(seat.part("composer")).to_be_in_viewport()
    expect(seat.part("send")).to_be_in_viewport()
    seat.page.set_viewport_size(size)


def _left(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["x"]


def _check_mirrored(seat: Seat) -> None:
    seat.page.evaluate("document.documentElement.dir = 'rtl'")
    assert _left(seat.part("send")) < _left(seat.part("composer"))
    summary = seat.chat.locator('[data-tool="Bash"] > summary > *')
    assert _left(summary.nth(2)) < _left(summary.first)
    code = seat.chat.locator(f"{hook('code')} pre")
    assert code.evaluate("(el) => getComputedStyle(el).direction") == "ltr"
    seat.page.evaluate("document.documentElement.dir = ''")


def _check_printed(seat: Seat) -> None:
    """On paper stand the messages and nothing over them, without the composer."""
    seat.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    seat.page.emulate_media(media="print")
    expect(seat.part("composer")).to_be_hidden()
    last = seat.part("message").last.bounding_box()
    below = seat.part("state-line").bounding_box()
    assert last is not None
    assert below is not None
    assert last["y"] + last["height"] <= below["y"]
    seat.page.emulate_media(media="screen")
    seat.page.evaluate("window.dispatchEvent(new Event('afterprint'))")


def _check_beside(seat: Seat) -> None:
    """Put beside the notebook it is as high as its panel, and follows what is asked there."""
    seat.nb.command("notebook:create-output-view")
    panel = seat.page.locator(".jp-LinkedOutputView")
    beside = panel.locator(hook("chat"))
    expect(beside.locator(hook("log"))).to_contain_text("More words.")
    expect(beside.locator(hook("state-line"))).to_be_in_viewport(ratio=1)
    beside.locator(hook("composer")).fill("And here?")
    beside.locator(hook("send")).click()
    expect(beside.locator(hook("composer"))).to_be_focused()
    for chat in (beside, seat.chat):
        expect(chat.locator(hook("log"))).to_contain_text("Beside it.")
    seat.nb.command("application:close")
    expect(panel).to_have_count(0)
