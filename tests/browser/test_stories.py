"""A person's day at the chat in a real JupyterLab: one page, and a story in each test."""

from __future__ import annotations

import threading

from bare_host import hook
from playwright.sync_api import Locator, expect
from shared_lab import CHAT, OTHER, Seat

from ipyclaude.testing import Reply, error, text, tool

_DROP_CELL = "(i) => window.__panel().content.model.sharedModel.deleteCell(i)"
_DROP_FILE = """(el) => {
  const data = new DataTransfer();
  data.items.add(new File(['colony,nests\\nNorth,41'], 'birds.csv', {type: 'text/csv'}));
  el.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""
#: Whether a message's buttons lie over its words.
_COVERED = """(message) => {
  const bar = message.querySelector('[data-ipc="actions"]').getBoundingClientRect();
  const words = document.createRange();
  words.selectNodeContents(message.firstElementChild);
  return [...words.getClientRects()].some(({left, right, top, bottom}) =>
    left < bar.right && right > bar.left && top < bar.bottom && bottom > bar.top);
}"""
_HIDDEN = """(hidden) => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_questions_are_answered_by_keyboard_and_a_rule_is_taken_back(seat: Seat) -> None:
    """Two wait at once, also in a second view; the focus goes on from each to the next (S12)."""
    one, two = seat.folder / "one.txt", seat.folder / "two.txt"
    for path in (one, two):
        path.write_text(path.stem)
    read = tool("Read", {"file_path": str(one)})
    seat.model.script(
        Reply(read, tool("Read", {"file_path": str(two)})), "Both read.", Reply(read), "Again."
    )
    seat.ask("Read both")
    expect(seat.part("approval")).to_have_count(2)
    seat.nb.run(OTHER)
    other = seat.nb.hook(OTHER, "chat").locator(hook("approval"))
    expect(other).to_have_count(2)
    title = seat.page.title()
    seat.page.evaluate(_HIDDEN, True)
    assert seat.page.title() == f"(2) Claude asks · {title}"
    seat.page.evaluate(_HIDDEN, False)
    assert seat.page.title() == title

    seat.part("composer").focus()
    for _ in range(2):
        seat.tab_to("allow-always", "Shift+Tab")
    expect(seat.part("approval").first.locator(":focus")).to_contain_text("one.txt")
    seat.press("Enter")
    expect(seat.part("approval")).to_have_count(1)
    expect(seat.part("approval")).to_be_focused()
    expect(other).to_have_count(1)
    seat.tab_to("approval-reason")
    seat.page.keyboard.type("not this one")
    seat.press("Enter")
    expect(seat.part("log")).to_contain_text("Both read.")
    expect(seat.part("composer")).to_be_focused()
    expect(other).to_have_count(0)
    assert "not this one" in seat.heard()

    seat.tab_to("settings", "Shift+Tab")
    seat.press("Enter")
    expect(seat.part("rule")).to_contain_text("one.txt")
    seat.tab_to("revoke")
    seat.press("Enter")
    expect(seat.part("rules")).to_have_text("None.")
    seat.press("Escape")
    expect(seat.part("settings")).to_be_focused()
    seat.ask("Read it again")
    seat.part("approval").locator(hook("deny")).click()
    expect(seat.part("log")).to_contain_text("Again.")


def test_what_was_said_is_copied_quoted_and_put_into_cells(seat: Seat) -> None:
    """A message, its code or the whole answer is copied; an answer becomes a cell, code runs.

    The buttons for that lie over no word of a long prompt, though it is the first one.
    """
    seat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    code = "total = 6 * 7\nprint('sum', total)"
    said = f"Herons **stand** still.\n\n```python\n{code}\n```"
    seat.model.script(
        Reply(text("I look."), tool("Bash", {"command": "echo looked"})), said, "Since they hunt."
    )
    asked = " ".join(["What do herons do?"] * 20)
    seat.ask(asked)
    expect(seat.part("log")).to_contain_text("Herons stand still.")

    def copied(button: Locator) -> str:
        button.click()
        expect(button).to_have_attribute("aria-label", "Copied")
        words: str = seat.page.evaluate("navigator.clipboard.readText()")
        return words

    prompt = seat.message("What do herons")
    expect(prompt.locator(hook("actions"))).to_be_in_viewport(ratio=1)
    assert prompt.evaluate(_COVERED) is False
    assert copied(prompt.locator(hook("copy"))) == asked
    answer = seat.message("Herons stand")
    assert copied(answer.locator(f"{hook('code')} {hook('copy')}")) == code
    assert copied(answer.locator(f"{hook('actions')} {hook('copy')}")) == said
    assert copied(seat.part("copy-answer")) == f"I look.\n\n{said}"

    answer.locator(hook("run-cell")).click()
    expect(seat.nb.output(CHAT + 1)).to_contain_text("sum 42")
    seat.message("Herons stand").locator(hook("insert-cell")).click()
    expect(seat.nb.cell(CHAT + 1)).to_contain_text("Herons stand still.")
    cells = seat.nb.save().cells
    assert [(each.cell_type, each.source) for each in cells[CHAT + 1 : CHAT + 3]] == [
        ("markdown", said),
        ("code", code),
    ]
    for _ in range(2):
        seat.page.evaluate(_DROP_CELL, CHAT + 1)

    seat.message("Herons stand").locator(hook("quote")).click()
    expect(seat.part("composer")).to_be_focused()
    seat.page.keyboard.type("Why?")
    seat.press("Enter")
    expect(seat.part("log")).to_contain_text("Since they hunt.")
    assert "> Herons **stand** still.\\n> " in seat.heard()


def test_a_prompt_is_asked_again_edited_and_forked(seat: Seat) -> None:
    """A file goes along, the arrow up brings prompts back; edits and forks go on in copies."""
    seat.model.script("Still.", "They hunt.", "Once more.", "In the copy.", "Storks clatter.")
    area = seat.part("composer")
    area.evaluate(_DROP_FILE)
    expect(seat.part("upload")).to_contain_text("birds.csv")
    seat.ask("What do herons do?")
    expect(seat.part("log")).to_contain_text("Still.")
    expect(seat.part("upload")).to_have_count(0)
    assert "North,41" in seat.heard()
    seat.ask("Why?")
    expect(seat.part("log")).to_contain_text("They hunt.")
    expect(seat.ends).to_have_count(2)
    asked_why = seat.heard().count("Why?")
    seat.press("ArrowUp")
    expect(area).to_have_value("Why?")
    seat.press("ArrowUp")
    expect(area).to_have_value("What do herons do?")
    seat.press("ArrowDown", "ArrowDown")
    expect(area).to_have_value("")

    seat.ends.last.locator(hook("retry")).click()
    expect(seat.part("log")).to_contain_text("Once more.")
    expect(seat.ends).to_have_count(3)
    assert seat.heard().count("Why?") > asked_why

    seat.ends.first.locator(hook("fork")).click()
    expect(seat.part("sessions")).to_contain_text(f"{seat.name}-fork")
    expect(seat.part("log")).not_to_contain_text("They hunt.")
    seat.ask("And storks?")
    expect(seat.part("log")).to_contain_text("In the copy.")
    expect(seat.ends).to_have_count(2)
    assert "Still." in seat.heard()
    assert "They hunt" not in seat.heard()

    seat.message("And storks?").locator(hook("edit")).click()
    expect(area).to_have_value("And storks?")
    area.fill("What do storks do?")
    area.press("Enter")
    expect(seat.part("log")).to_contain_text("Storks clatter.")
    expect(seat.ends).to_have_count(2)
    expect(seat.part("log")).to_contain_text("Still.")
    expect(seat.part("log")).not_to_contain_text("And storks?")
    assert "In the copy." not in seat.heard()
    seat.part("usage").click()
    expect(seat.part("used")).to_contain_text("In total")
    seat.press("Escape")
    expect(seat.part("usage")).to_be_focused()


def test_prompts_wait_are_taken_back_and_sent_at_once(seat: Seat) -> None:
    """What waits goes back into the draft, or stops the turn; each session keeps its draft."""
    gate = threading.Event()
    held = Reply(text("One, two, three.", chunk_chars=4, hold=gate))
    seat.model.script(held, "The urgent answer.")
    other = seat.seed(f"{seat.name}-other", [("Before", "Long ago.")])
    area = seat.part("composer")
    seat.ask("Count")
    expect(seat.part("log")).to_contain_text("One,")
    seat.ask("Later")
    seat.ask("Urgent")
    expect(seat.part("queued")).to_have_count(2)
    seat.part("queued").filter(has_text="Later").locator(hook("unqueue")).click()
    expect(area).to_have_value("Later")
    expect(area).to_be_focused()
    seat.part("queued").filter(has_text="Urgent").locator(hook("send-now")).click()
    expect(seat.part("log")).to_contain_text("The urgent answer.")
    expect(seat.part("log")).to_contain_text("Stopped")
    expect(seat.part("queued")).to_have_count(0)
    gate.set()

    for name, draft in ((other.name, ""), (seat.name, "Later")):
        seat.part("sessions").click()
        seat.part("session-search").fill(name)
        seat.chat.locator(f"{hook('session')} strong").get_by_text(name, exact=True).click()
        expect(seat.part("sessions")).to_have_text(name)
        expect(area).to_have_value(draft)


def test_sessions_are_kept_in_order_by_keyboard(seat: Seat) -> None:
    """Each is renamed, put away or deleted from the list, which keeps the focus, and undone."""
    for name in ("birds", "boats", "cows"):
        seat.seed(f"herd-{name}", [(f"About {name}?", f"All about {name}.")])
    seat.part("composer").focus()
    seat.tab_to("sessions", "Shift+Tab")
    seat.press("Enter")
    seat.page.keyboard.type("herd")
    expect(seat.part("session")).to_have_count(3)
    birds, boats = (seat.part("session").filter(has_text=each) for each in ("birds", "boats"))
    expect(boats).to_contain_text("2 messages")
    seat.press("ArrowDown", "ArrowDown")
    expect(boats).to_be_focused()
    seat.press("F2")
    seat.page.keyboard.type("herd-ships")
    seat.press("Enter")
    ships = seat.part("session").filter(has_text="ships")
    expect(ships).to_be_focused()

    seat.tab_to("archive-session")
    seat.press("Enter")
    expect(ships).to_have_count(0)
    expect(seat.part("undo")).to_be_focused()
    seat.press("Enter")
    expect(ships).to_be_focused()

    seat.press("Delete")
    expect(ships).to_be_hidden()
    seat.press("Enter")
    expect(ships).to_be_focused()
    seat.press("Delete")
    birds.press("Delete")  # what is deleted before goes for good
    expect(ships).to_have_count(0)
    expect(birds).to_be_hidden()
    seat.press("Enter")
    expect(birds).to_be_focused()
    seat.press("Enter")
    expect(seat.part("sessions")).to_have_text("herd-birds")
    expect(seat.part("log")).to_contain_text("All about birds.")
    store = seat.store()
    assert sorted(each.name for each in store.sessions("herd")) == ["herd-birds", "herd-cows"]
    store.close()


def test_an_error_says_what_to_do_and_the_prompt_is_tried_with_another_model(seat: Seat) -> None:
    """Model and effort hold from the next turn on, which every view of the session tells; a
    written command goes by one Enter."""
    # Of 4xx the CLI lets this one through as it is; others it tries anew or words itself.
    seat.model.script(error(418), "Better so.", "A summary of it all.")
    seat.ask("Count them")
    failed = seat.part("message").filter(has_text="The API refused the request (status 418)")
    expect(failed).to_contain_text("Check the model's name and the account, then ask again.")
    expect(seat.ends).to_contain_text("Failed")
    expect(seat.part("announcer")).to_contain_text("then ask again.")
    seat.nb.run(OTHER)
    seat.part("model").select_option("sonnet")
    seat.part("effort").select_option("low")
    for chat in (seat.nb.hook(OTHER, "chat"), seat.chat):
        expect(chat.locator(hook("effort"))).to_have_value("low")
        expect(chat.locator(hook("model"))).to_have_value("sonnet")
    seat.ends.locator(hook("retry")).click()
    expect(seat.part("log")).to_contain_text("Better so.")
    expect(seat.ends).to_have_count(2)
    request = seat.model.requests[-1]
    assert "sonnet" in request["model"]
    assert request["output_config"]["effort"] == "low"
    seat.part("composer").press_sequentially("/compact")
    expect(seat.part("suggestion").first).to_contain_text("/compact")
    seat.press("Enter")
    expect(seat.part("log")).to_contain_text("The conversation was compacted.")


_ALL_SORTS = """import pandas as pd, matplotlib.pyplot as plt, plotly.graph_objects as go
plt.plot([1, 2])
plt.show()
go.Figure(go.Bar(x=['North'], y=[41])).show()
pd.DataFrame({'colony': ['North'], 'nests': [41]})"""


def test_claudes_code_runs_among_the_persons_own(seat: Seat) -> None:
    """It waits for their cell and says so; what it shows stands under the chat; Stop ends it."""
    run = "mcp__notebook__run_python"
    go = seat.folder / "go"
    seat.model.script(
        Reply(tool(run, code=_ALL_SORTS)),
        "All seen.",
        Reply(tool(run, code="import time\nprint('begun')\ntime.sleep(600)")),
        Reply(tool(run, code="print('for', input('Which colony? '))")),
        "Asked.",
    )
    busy = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)"
    seat.write(OTHER, busy)
    seat.nb.start(OTHER)
    seat.ask("Draw them")
    seat.part("allow-session").click()
    expect(seat.part("log")).to_contain_text("Claude's code waits: the kernel is busy with a cell.")
    assert seat.nb.running(OTHER)
    go.touch()
    expect(seat.part("log")).to_contain_text("All seen.")
    shown = seat.nb.output(CHAT)
    expect(shown.locator(".jp-RenderedImage img").first).to_be_visible()
    expect(shown.locator("table.dataframe")).to_contain_text("North")
    data = [each.get("data", {}) for each in seat.nb.outputs(CHAT)]
    assert any("application/vnd.plotly.v1+json" in each for each in data)

    seat.ask("Sleep")
    expect(shown).to_contain_text("begun")
    seat.part("stop").click()
    expect(seat.ends.last).to_contain_text("Stopped")
    expect(seat.part("composer")).to_be_focused()
    seat.write(OTHER, f"%%claude --allow {run}\nAsk me")
    seat.nb.start(OTHER)
    box = seat.nb.output(OTHER).locator(".jp-Stdin-input")
    box.fill("North")
    box.press("Enter")
    seat.nb.wait_done(OTHER)
    expect(seat.nb.output(OTHER)).to_contain_text("for North")
    expect(seat.part("log")).to_contain_text("Asked.")


def test_todos_stand_beside_the_work_and_stay_folded(seat: Seat) -> None:
    """`ClaudeTodos` shows them alone; the chat's panel keeps its fold over a reload.

    What is saved says how either is shown again where there is no kernel (S10).
    """
    seat.model.script(
        Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate"})),
        Reply(
            tool("TaskCreate", subject="Count the birds", description="d"),
            tool("TaskCreate", subject="Write it down", description="d"),
        ),
        Reply(tool("TaskUpdate", taskId="1", status="completed")),
        "One is done.",
    )
    seat.write(OTHER, "from ipyclaude import ClaudeTodos\nClaudeTodos()")
    seat.nb.run(OTHER)
    alone = seat.nb.hook(OTHER, "todos").first
    expect(alone).to_contain_text("none yet")
    seat.ask("Plan it")
    expect(seat.part("log")).to_contain_text("One is done.")
    for panel in (alone, seat.part("todos")):
        expect(panel).to_contain_text("1 of 2")
        expect(panel.locator(f'{hook("todo")}[data-state="completed"]')).to_contain_text("Count")
    seat.part("todos").locator("summary").first.click()
    expect(seat.part("todos").locator(hook("todo")).first).to_be_hidden()
    cells = seat.nb.save().cells
    for cell, again in ((CHAT, f"%claude_session chat {seat.name}"), (OTHER, "ClaudeTodos(")):
        assert again in cells[cell].outputs[0].data["text/html"]
    seat.nb.reload()
    expect(seat.part("log")).to_contain_text("One is done.")
    expect(seat.part("todos")).to_contain_text("1 of 2")
    expect(seat.part("todos").locator(hook("todo")).first).to_be_hidden()
    expect(seat.nb.hook(OTHER, "todo").last).to_contain_text("Write it down")
    seat.part("todos").locator("summary").first.click()
