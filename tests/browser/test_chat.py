"""`ClaudeChat` in a real JupyterLab: keys, sessions, restarts, and other kernels' writing."""

from __future__ import annotations

import json
import threading

from live_notebook import Desk, LabNotebook, ask, part
from playwright.sync_api import Locator, expect

from ipyclaude.messages import Message, SessionInfo, TextBlock
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, text, tool

CHAT = "%claude_session chat"


def _chat(nb: LabNotebook, cell: int) -> Locator:
    """Show a chat in a cell, and wait for it."""
    nb.run(cell)
    chat = nb.hook(cell, "chat")
    expect(chat.locator('[data-ipc="state-line"]')).to_have_attribute("data-state", "local")
    return chat


def _seed(desk: Desk, name: str, count: int) -> None:
    """Put a session of `count` prompts and answers into the store."""
    store = SqliteStore(desk.folder / "data" / "ipyclaude.sqlite3")
    session = SessionInfo(name=name, cwd=str(desk.folder))
    store.put(session)
    for number in range(count):
        for kind, words in (("user", "Question"), ("assistant", "Answer")):
            content = (TextBlock(text=f"{words} {number} of {name}."),)
            row = {"session_id": session.client_id, "type": kind, "content": content}
            store.put(Message.model_validate({**row, "turn_id": str(number)}))
    store.close()


def test_the_composer_sends_breaks_lines_and_stops(desk: Desk) -> None:
    """Enter sends, Shift+Enter breaks the line and doesn't run the cell, Esc stops the turn."""
    gate = threading.Event()
    desk.model.script(
        Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate"})),
        Reply(tool("TaskCreate", {"subject": "Feed the cat", "description": "d"})),
        Reply(text("Half an answer, and more.", chunk_chars=14, hold=gate)),
        "A second answer.",
    )
    nb = desk.open(CHAT)
    chat = _chat(nb, 1)
    area = part(chat, "composer")
    area.fill("one")
    area.press("Shift+Enter")
    area.press_sequentially("two")
    expect(area).to_have_value("one\ntwo")
    area.press("Enter")
    expect(area).to_have_value("")
    expect(part(chat, "message", "live")).to_contain_text("Half an answer")
    expect(part(chat, "todo", "pending")).to_contain_text("Feed the cat")
    area.press("Escape")
    expect(part(chat, "stop")).to_be_hidden()
    expect(part(chat, "log")).to_contain_text("Stopped")
    expect(part(chat, "log")).to_contain_text("Half an answer")
    assert "one\\ntwo" in json.dumps(desk.model.requests[0]["messages"])
    ask(chat, "again")
    expect(part(chat, "log")).to_contain_text("A second answer.")
    expect(part(chat, "state-line")).to_contain_text("opus")
    assert nb.cell(1).locator(".jp-InputArea-prompt").first.inner_text() == "[2]:"


def test_the_switcher_lists_searches_opens_and_makes_sessions(desk: Desk) -> None:
    """Sessions are listed and found, one opens whole by scrolling up, and a new one is made."""
    _seed(desk, "birds", 60)
    _seed(desk, "boats", 1)
    desk.model.script("Hello from the new one.")
    nb = desk.open("%claude_session open boats", CHAT)
    nb.run(1)
    chat = _chat(nb, 2)
    expect(part(chat, "log")).to_contain_text("Answer 0 of boats.")
    part(chat, "sessions").click()
    expect(part(chat, "session")).to_have_count(2)
    part(chat, "session-search").fill("bir")
    expect(part(chat, "session")).to_have_count(1)
    part(chat, "session").click()
    log = part(chat, "log")
    expect(log).to_contain_text("Answer 59 of birds.")
    expect(log).not_to_contain_text("Question 0 of birds.")
    part(chat, "older").click()
    expect(log).not_to_contain_text("Answer 59 of birds.")
    first = part(chat, "message").filter(has_text="Question 0 of birds.")
    part(chat, "scroll").hover()
    while not first.count():
        nb.page.mouse.wheel(0, -2000)
        nb.page.wait_for_timeout(50)
    expect(first).to_have_attribute("aria-setsize", "120")
    part(chat, "sessions").click()
    part(chat, "session-search").fill("cats")
    part(chat, "new-session").click()
    expect(part(chat, "sessions")).to_contain_text("cats")
    expect(part(chat, "message")).to_have_count(0)
    ask(chat, "hello")
    expect(log).to_contain_text("Hello from the new one.")


def test_a_restarted_kernel_shows_the_whole_session_again(desk: Desk) -> None:
    """After a restart `open last` and `chat` redraw all, and two chats follow one session."""
    desk.model.script("The first answer.", "The second answer.", "The third answer.")
    nb = desk.open("%%claude\nFirst?", "%claude_session open last", CHAT, CHAT)
    nb.run(1)
    chat = _chat(nb, 3)
    ask(chat, "Second?")
    expect(part(chat, "log")).to_contain_text("The second answer.")
    nb.restart_kernel()
    nb.run(0)
    nb.run(2)
    chat = _chat(nb, 3)
    log = part(chat, "log")
    for words in ("First?", "The first answer.", "Second?", "The second answer."):
        expect(log).to_contain_text(words)
    other = _chat(nb, 4)
    ask(other, "Third?")
    for each in (chat, other):
        expect(part(each, "log")).to_contain_text("The third answer.")
        expect(part(each, "message").filter(has_text="Third?")).to_have_count(1)
    remembered = json.dumps(desk.model.requests[-1]["messages"])
    assert "The first answer." in remembered


def test_what_another_kernel_writes_shows_without_a_reload(desk: Desk) -> None:
    """A turn in one notebook grows and ends in another notebook's open chat."""
    gate = threading.Event()
    desk.model.script(Reply(text("Across the kernels, and on.", chunk_chars=19, hold=gate)))
    writer = desk.open("%claude_session new shared", "%%claude\nHello there", name="writer")
    writer.run(1)
    reader = desk.open("%claude_session open shared", CHAT, name="reader")
    reader.run(1)
    chat = _chat(reader, 2)
    writer.start(2)
    log = part(chat, "log")
    expect(log).to_contain_text("Hello there")
    expect(log).to_contain_text("Across the kernels,")
    assert writer.running(2)
    gate.set()
    expect(log).to_contain_text("Across the kernels, and on.")
    writer.wait_done(2)
    expect(part(chat, "message").filter(has_text="Across the kernels")).to_have_count(1)


def test_a_prompt_waits_while_claude_works_and_goes_with_its_image(desk: Desk) -> None:
    """What is sent in mid-turn waits for its end; a pasted image reaches the model."""
    gate = threading.Event()
    desk.put_file("birds.csv", "colony,nests\n")
    desk.model.script(Reply(text("One, two, three.", chunk_chars=4, hold=gate)), "Seen.", "Third.")
    nb = desk.open(CHAT)
    chat = _chat(nb, 1)
    ask(chat, "first")
    expect(part(chat, "message", "live")).to_contain_text("One,")
    area = part(chat, "composer")
    area.evaluate(
        """async (el) => {
        const canvas = Object.assign(document.createElement('canvas'), {width: 4, height: 4});
        const blob = await new Promise((done) => canvas.toBlob(done));
        const data = new DataTransfer();
        data.items.add(new File([blob], 'dot.png', {type: 'image/png'}));
        el.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
        }"""
    )
    expect(part(chat, "upload")).to_contain_text("dot.png")
    area.press_sequentially("what is in @bir")
    expect(part(chat, "suggestion").first).to_contain_text("birds.csv")
    area.press("Enter")
    expect(area).to_have_value("what is in @birds.csv ")
    area.press("Enter")
    expect(part(chat, "queued")).to_contain_text("what is in @birds.csv")
    assert len(desk.model.requests) == 1
    gate.set()
    expect(part(chat, "log")).to_contain_text("Seen.")
    expect(part(chat, "queued")).to_have_count(0)
    assert "image/png" in json.dumps(desk.model.requests[-1]["messages"][-1])
    expect(part(chat, "context")).to_be_visible()
    area.fill("/")
    expect(part(chat, "suggestion").filter(has_text="/compact")).to_be_visible()
