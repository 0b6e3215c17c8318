"""A person at the chat while Claude works: edits what runs, tells it things, approves plans."""

from __future__ import annotations

import json
import re
import threading

from bare_host import hook
from live_notebook import Desk, LabNotebook
from playwright.sync_api import Locator, expect

from ipyclaude.testing import Reply, text, tool
from ipyclaude.testing.requests import Request

CHAT = "%claude_session chat"
RUN = "mcp__notebook__run_python"


def _chat(nb: LabNotebook, cell: int) -> Locator:
    nb.run(cell)
    chat = nb.hook(cell, "chat")
    expect(chat.locator(hook("state-line"))).to_have_attribute("data-state", "local")
    return chat


def _ask(chat: Locator, words: str) -> None:
    area = chat.locator(hook("composer"))
    area.fill(words)
    area.press("Enter")


def _heard(desk: Desk, request: int) -> str:
    return json.dumps(desk.model.requests[request]["messages"])


def test_code_is_edited_before_it_runs_and_claude_is_told_things_meanwhile(desk: Desk) -> None:
    """A mentioned cell goes along, edited code is what runs, and Claude hears both in the turn."""
    desk.model.script(Reply(tool(RUN, {"code": "x = 41"})), "All heard.")
    nb = desk.open("birds = 'three herons'\nbirds", CHAT, "x")
    nb.run(1)
    chat = _chat(nb, 2)
    area = chat.locator(hook("composer"))
    area.press_sequentially("why @bird")
    cell = chat.locator(hook("suggestion")).filter(has_text="cell [2]")
    expect(cell).to_contain_text("birds = 'three herons'")
    cell.click()
    expect(area).to_have_value("why cell [2] ")
    expect(chat.locator(hook("upload"))).to_contain_text("cell [2]")
    area.press("Enter")
    approval = chat.locator(hook("approval"))
    expect(approval).to_contain_text("x = 41")
    assert "It shows:\\n'three herons'" in _heard(desk, 0)
    approval.locator(hook("edit-input")).click()
    code = approval.locator(hook("edited-input"))
    code.press("End")
    code.press_sequentially(" + 1")
    code.press("Shift+Enter")  # breaks the line, and runs no cell
    area.fill("look left")
    area.press("Control+Enter")
    expect(chat.locator(f'{hook("queued")}[data-state="telling"]')).to_contain_text("look left")
    approval.get_by_role("button", name="Run as edited").click()
    log = chat.locator(hook("log"))
    expect(log).to_contain_text("All heard.")
    expect(log).to_contain_text("look left")
    expect(chat.locator(hook("queued"))).to_have_count(0)
    card = log.locator(f'[data-tool="{RUN}"]')
    expect(card).to_contain_text("allowed, edited")
    expect(card).to_contain_text("Run Python")
    assert "The user edited this call before it ran" in _heard(desk, 1)
    assert "look left" in _heard(desk, 1)
    nb.run(3)
    expect(nb.output(3)).to_contain_text("42")
    area.fill("/comp")
    command = chat.locator(hook("suggestion")).filter(has_text="/compact")
    expect(command).to_contain_text(re.compile("summar|context|conversation", re.I))


def _writes_its_plan(request: Request) -> Reply:
    """Write the file that the CLI names for the plan."""
    path = re.findall(r"/[^\s\"\\]+/plans/[\w.-]+\.md", request.text)[-1]
    return Reply(tool("Write", {"file_path": path, "content": "# Count\n\n1. Read the file"}))


def test_a_plan_is_approved_and_a_reload_in_mid_turn_loses_nothing(desk: Desk) -> None:
    """Approving ends plan mode; a reload brings back the turn, the draft and the question."""
    gate = threading.Event()
    desk.model.script(
        _writes_its_plan,
        Reply(tool("ExitPlanMode", {})),
        Reply(text("One, two, three.", chunk_chars=4, hold=gate)),
    )
    nb = desk.open(CHAT)
    chat = _chat(nb, 1)
    chat.locator(hook("mode")).select_option("plan")
    _ask(chat, "Count the birds")
    approval = chat.locator(hook("approval"))
    expect(approval.get_by_role("heading", name="Count")).to_be_visible()
    expect(approval.locator(hook("allow-session"))).to_have_count(0)
    chat.locator(hook("composer")).press_sequentially("a thought")
    nb.save()
    nb.reload()
    expect(approval).to_contain_text("Read the file")
    expect(chat.locator(hook("composer"))).to_have_value("a thought")
    approval.get_by_role("button", name="Approve the plan").click()
    live = chat.locator(f'{hook("message")}[data-state="live"]')
    expect(live).to_contain_text("One,")
    expect(chat.locator(hook("mode"))).to_have_value("default")
    expect(chat.locator('[data-tool="ExitPlanMode"]')).to_contain_text("Count")
    nb.reload()
    expect(live).to_contain_text("One,")
    expect(chat.locator(hook("stop"))).to_be_visible()
    gate.set()
    expect(chat.locator(hook("log"))).to_contain_text("One, two, three.")
    expect(chat.locator(hook("stop"))).to_be_hidden()
    expect(chat.locator(hook("message")).filter(has_text="Count the birds")).to_have_count(1)
