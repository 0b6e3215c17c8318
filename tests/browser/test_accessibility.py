"""Whoever cannot see, point or read from left to right can do the whole job all the same."""

from __future__ import annotations

from typing import Any

import pytest
from bare_host import JS, STREAM, hook
from playwright.sync_api import Browser, Page, expect

AXE = (JS / "node_modules" / "axe-core" / "axe.min.js").read_text()
SCENES = {
    "done": "",
    "running": "",
    "approval": "document.querySelector('[data-ipc=\"edit-input\"]').click()",
    "notices": "",
    "tools": "document.querySelectorAll('details').forEach((each) => { each.open = true; })",
}
_RUN = """() => axe.run('#host', {resultTypes: ['violations'], runOnly: {type: 'tag',
  values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})
  .then(({violations}) => violations.map((each) =>
    [each.id, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))]))"""


def _faults(page: Page) -> list[Any]:
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(_RUN)
    return found


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_axe_finds_nothing(page: Page, host: str, scene: str, theme: str) -> None:
    """No rule of WCAG 2.2 AA that a program can check is broken, in any theme."""
    page.emulate_media(forced_colors="active" if theme == "contrast" else "none")
    page.goto(f"{host}?kind=chat&scene={scene}&theme={theme}")
    page.locator(hook("message")).first.wait_for()
    if SCENES[scene]:
        page.evaluate(SCENES[scene])
    assert _faults(page) == []
    for opener in ("sessions", "find", "settings", "usage", "account"):
        if page.locator(hook(opener)).is_hidden():
            continue  # no Convex to sign in to
        page.locator(hook(opener)).click()
        assert _faults(page) == [], opener
        page.keyboard.press("Escape")
    page.locator(hook("composer")).fill("/")
    page.locator(hook("suggestion")).first.wait_for()
    assert _faults(page) == []


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on a hook, as a person without a mouse does."""
    for _ in range(80):
        if page.evaluate("document.activeElement?.dataset?.ipc") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {name}")


def test_the_whole_job_is_done_by_keyboard(page: Page, host: str) -> None:
    """Read, open a card, allow a tool, copy, switch session, ask: without a pointer."""
    page.goto(f"{host}?kind=chat&scene=approval")
    page.locator(hook("approval")).first.wait_for()
    _tab_to(page, "sessions")
    page.keyboard.press("Enter")
    page.locator(hook("session")).first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(hook("session")).nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(hook("sessions"))).to_be_focused()
    _tab_to(page, "scroll")
    page.keyboard.press("Home")
    _tab_to(page, "allow-once")
    page.keyboard.press("Enter")
    assert page.evaluate("mock.sent.at(-1).allow") is True
    _tab_to(page, "composer")
    page.keyboard.type("Go on")
    page.keyboard.press("Enter")
    assert page.evaluate("mock.sent.at(-1).text") == "Go on"


def test_a_screen_reader_hears_the_answer_once(page: Page, host: str) -> None:
    """Nothing is said while words stream; then the answer is, once, without its marks."""
    page.goto(f"{host}?kind=chat&scene=running")
    page.locator(hook("message")).first.wait_for()
    page.evaluate("""() => { window.said = [];
      new MutationObserver(() => said.push(document.querySelector('[data-ipc="announcer"]')
        .textContent)).observe(document.querySelector('[data-ipc="announcer"]'),
        {childList: true}); }""")
    page.evaluate(STREAM, ["Some **words** of an answer. " * 20, 12])
    assert page.evaluate("said") == []
    page.evaluate("""() => mock.events({type: 'turn', turn: {turn_id: 't-1', status: 'done',
      started_at: 0, prompt: '', model: null, result: null, stored: false}})""")
    page.wait_for_function("said.length > 0")
    said: list[str] = page.evaluate("said")
    assert len(said) == 1
    assert said[0].startswith("Claude answered: ")
    assert "Some words of an answer." in said[0]
    live = page.locator("[aria-live], [role=log], [role=alert]:not([hidden])")
    assert live.count() <= 2, "more than the announcer speaks"


def test_at_twice_the_size_nothing_is_cut_off(page: Page, host: str) -> None:
    """At 320 px (400 % of 1,280) no part needs to be scrolled sideways."""
    page.set_viewport_size({"width": 320, "height": 640})
    for scene in SCENES:
        page.goto(f"{host}?kind=chat&scene={scene}")
        page.locator(hook("message")).first.wait_for()
        wide = page.locator(hook("chat")).evaluate("(el) => el.scrollWidth - el.clientWidth")
        assert wide <= 1, scene
        assert page.evaluate("document.documentElement.scrollWidth <= 320"), scene


def test_text_runs_from_right_to_left_where_it_is_so_written(page: Page, host: str) -> None:
    """Hebrew begins at the right, code stays as it is, and a mirrored host mirrors the chat."""
    page.goto(f"{host}?kind=chat&scene=none")
    page.wait_for_function("window.mock?.sent.length > 0")
    page.evaluate("document.documentElement.dir = 'rtl'")
    page.evaluate("mock.snapshot()")
    page.evaluate(STREAM, ["שלום עולם\n\n```py\nx = 1\n```\n\nSome English.\n", 9])
    box = page.locator(hook("message")).bounding_box()
    hebrew = page.locator("p", has_text="שלום")
    assert box is not None
    right = hebrew.evaluate("""(el) => { const range = document.createRange();
      range.selectNodeContents(el); return range.getBoundingClientRect().right; }""")
    assert right > box["x"] + box["width"] - 40
    code = page.locator(f"{hook('code')} pre")
    assert code.evaluate("(el) => getComputedStyle(el).direction") == "ltr"
    send = page.locator(hook("send")).bounding_box()
    area = page.locator(hook("composer")).bounding_box()
    assert send is not None
    assert area is not None
    assert send["x"] < area["x"]


def test_motion_stops_for_those_who_ask_for_less(chromium: Browser, host: str) -> None:
    """With reduced motion nothing on the page is animated."""
    page = chromium.new_page(reduced_motion="reduce")
    page.goto(f"{host}?kind=chat&scene=running")
    page.locator(hook("message")).first.wait_for()
    assert page.evaluate("document.getAnimations().length") == 0
    page.close()


def test_a_print_holds_the_whole_conversation(page: Page, host: str) -> None:
    """All loaded messages are on paper, not only those in sight; the composer is not."""
    page.goto(f"{host}?kind=chat&count=50")
    page.locator(hook("message")).first.wait_for()
    assert page.locator(hook("message")).count() < 50
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(hook("message"))).to_have_count(50)
    expect(page.locator(hook("message")).first).to_be_visible()
    expect(page.locator(hook("composer"))).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.wait_for_function("document.querySelectorAll('[data-ipc=\"message\"]').length < 50")
