"""The chat's list of messages: what a frame costs, and a reader who scrolls."""

from __future__ import annotations

from bare_host import STREAM, cpu_ms, hook
from playwright.sync_api import Page, expect

#: Scrolls up by `step` a frame until nothing older is left; tells the frames, and the most
#: messages that were in the document at once.
_SCROLL_UP = """(step) => new Promise((done) => {
  const box = document.querySelector('[data-ipc="scroll"]');
  const older = document.querySelector('[data-ipc="older"]');
  let frames = 0, most = 0, still = 0;
  const next = () => {
    box.dispatchEvent(new Event('wheel', {bubbles: true}));
    box.scrollTop -= step;
    frames++;
    most = Math.max(most, document.querySelectorAll('[data-ipc="message"]').length);
    still = box.scrollTop === 0 && older.hidden ? still + 1 : 0;
    if (still > 3 || frames > 5000) done({frames, most}); else requestAnimationFrame(next);
  };
  next();
})"""
#: Scrolls down for 120 frames from a part of the list.
_SCROLL_DOWN = """(part) => new Promise((done) => {
  const box = document.querySelector('[data-ipc="scroll"]');
  box.scrollTop = box.scrollHeight * part;
  let left = 120;
  const next = () => {
    box.scrollTop += 90;
    left-- ? requestAnimationFrame(next) : done(null);
  };
  requestAnimationFrame(next);
})"""
_SAY = """(words) => mock.events({type: 'message', message: {client_id: crypto.randomUUID(),
  session_id: 's-1', type: 'assistant', content: [{type: 'text', text: words}], turn_id: 't-9',
  timestamp: 0, seq: null, parent_tool_use_id: null}})"""


def test_a_frame_of_scrolling_costs_no_more_in_a_long_session(page: Page, host: str) -> None:
    """The work of a frame among 10,000 loaded messages is at most 1.5 times that among 400."""
    cost: dict[int, float] = {}
    for count in (400, 10_000):
        page.goto(f"{host}?kind=chat&count={count}")
        expect(page.locator(hook("log"))).to_contain_text(f"message {count - 1}")
        page.evaluate(_SCROLL_UP, 3000)
        cost[count] = min(cpu_ms(page, _SCROLL_DOWN, part) for part in (0.2, 0.4, 0.6))
    assert cost[10_000] <= 1.5 * cost[400], cost


def test_what_is_read_stays_in_its_place_while_older_messages_come(page: Page, host: str) -> None:
    """Loading what is above moves nothing of what is in sight."""
    page.goto(f"{host}?kind=chat&count=600")
    expect(page.locator(hook("log"))).to_contain_text("message 599")
    box = page.locator(hook("scroll"))
    box.hover()
    for _ in range(40):
        before = page.evaluate("mock.sent.filter((r) => r.type === 'older').length")
        page.mouse.wheel(0, -700)
        page.wait_for_timeout(60)
        if page.evaluate("mock.sent.filter((r) => r.type === 'older').length") > max(before, 1):
            break
    page.wait_for_timeout(300)
    where = """() => { const top = document.querySelector('[data-ipc="scroll"]')
      .getBoundingClientRect().top;
      const first = [...document.querySelectorAll('[data-ipc="message"]')]
        .find((each) => each.getBoundingClientRect().bottom > top);
      return [first.dataset.id, Math.round(first.getBoundingClientRect().top - top)]; }"""
    seen, place = page.evaluate(where)
    page.evaluate("document.querySelector('[data-ipc=\"older\"]').click()")
    page.wait_for_timeout(400)
    after, moved = page.evaluate(where)
    assert (after, abs(moved - place) <= 2) == (seen, True), (place, moved)


def test_new_messages_are_counted_for_a_reader_who_is_elsewhere(page: Page, host: str) -> None:
    """The pill says how many came, and brings the reader to them."""
    page.goto(f"{host}?kind=chat&count=200")
    expect(page.locator(hook("log"))).to_contain_text("message 199")
    page.locator(hook("scroll")).hover()
    page.mouse.wheel(0, -900)
    expect(page.locator(hook("latest"))).to_be_visible()
    for words in ("One more.", "And another."):
        page.evaluate(_SAY, words)
    expect(page.locator(hook("latest"))).to_have_text("2 new messages")
    page.locator(hook("latest")).click()
    expect(page.locator(hook("log"))).to_contain_text("And another.")
    expect(page.locator(hook("latest"))).to_be_hidden()
    page.evaluate(STREAM, ["A line of text.\n\n" * 40, 60])
    page.wait_for_function(
        """() => { const el = document.querySelector('[data-ipc="scroll"]');
        return el.scrollHeight - el.scrollTop - el.clientHeight < 3; }"""
    )
