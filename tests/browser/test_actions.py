"""What a person does with what was said, in a real JupyterLab: from the button to its effect."""

from __future__ import annotations

import json

from bare_host import hook
from live_notebook import Desk, LabNotebook
from playwright.sync_api import Locator, expect

ANSWER = "Herons **stand** still."
_DROP = """(el) => {
  const data = new DataTransfer();
  data.items.add(new File(['colony,nests\\nNorth,41'], 'birds.csv', {type: 'text/csv'}));
  el.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def _message(chat: Locator, words: str) -> Locator:
    found = chat.locator(hook("message")).filter(has_text=words).last
    found.hover()
    return found


def _sources(nb: LabNotebook) -> list[tuple[str, str]]:
    cells = nb.save().cells
    return [(cell.cell_type, cell.source) for cell in cells]


def _heard(desk: Desk) -> str:
    return json.dumps(desk.model.requests[-1]["messages"])


def test_an_answer_is_put_into_a_cell_quoted_asked_again_and_forked(desk: Desk) -> None:
    """A file is dropped and goes along, and the arrow up brings the last prompt back."""
    desk.model.script(ANSWER, "Since they hunt.", "Asked again.", "In the copy.")
    nb = desk.open("%claude_session new herons", "%claude_session chat")
    nb.run(1)
    nb.run(2)
    chat = nb.hook(2, "chat")
    area, log = chat.locator(hook("composer")), chat.locator(hook("log"))
    area.evaluate(_DROP)
    expect(chat.locator(hook("upload"))).to_contain_text("birds.csv")
    area.fill("What do herons do?")
    area.press("Enter")
    expect(log).to_contain_text("Herons stand still.")
    assert "North,41" in _heard(desk)
    expect(chat.locator(hook("upload"))).to_have_count(0)

    _message(chat, "Herons stand").locator(hook("insert-cell")).click()
    expect(nb.cell(3)).to_contain_text("Herons stand still.")
    assert _sources(nb)[3] == ("markdown", ANSWER)

    _message(chat, "Herons stand").locator(hook("quote")).click()
    expect(area).to_be_focused()
    area.press_sequentially("Why?")
    area.press("Enter")
    expect(log).to_contain_text("Since they hunt.")
    assert "> Herons **stand** still.\\n\\nWhy?" in _heard(desk)

    asked_why = _heard(desk).count("Why?")

    area.press("ArrowUp")
    expect(area).to_have_value(f"> {ANSWER}\n\nWhy?")
    area.press("ArrowUp")
    expect(area).to_have_value("What do herons do?")
    area.fill("")

    ends = chat.locator(f'{hook("message")}[data-type="result"]')
    ends.last.locator(hook("retry")).click()
    expect(log).to_contain_text("Asked again.")
    assert _heard(desk).count("Why?") > asked_why
    expect(chat.locator(hook("sessions"))).to_contain_text("herons")

    chat.locator(hook("scroll")).press("Home")
    expect(chat.locator(hook("message")).first).to_contain_text("What do herons do?")
    ends.first.locator(hook("fork")).click()
    expect(chat.locator(hook("sessions"))).to_contain_text("herons-fork")
    expect(log).not_to_contain_text("Since they hunt.")
    area.fill("And storks?")
    area.press("Enter")
    expect(log).to_contain_text("In the copy.")
    assert "stand" in _heard(desk)
    assert "they hunt" not in _heard(desk)
    chat.locator(hook("usage")).click()
    expect(chat.locator(hook("used"))).to_contain_text("In total")
