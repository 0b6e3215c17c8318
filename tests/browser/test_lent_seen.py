"""The notebook as it is lent to Claude in a real JupyterLab: one page, and a story in each test."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

from bare_host import hook
from live_notebook import find_chromium
from playwright.sync_api import Browser, Locator, expect
from shared_lab import CHAT, OTHER, Seat

from ipyclaude.testing import Reply, text, tool
from ipyclaude.testing.requests import blocks_of

_PREFIX = "mcp__notebook__"
_PLOTS = """import os, matplotlib.pyplot as plt, plotly.graph_objects as go
os.environ['BROWSER_PATH'] = {chrome!r}
plt.plot([1, 3, 2])
plt.show()
go.Figure(go.Bar(x=['North'], y=[41], name='nests')).show()"""
_DATA = """import numpy as np, pandas as pd, matplotlib.pyplot as plt
birds = pd.DataFrame({'colony': ['North', 'South'], 'nests': [41, None]})
wings = np.linspace(0, 1, 12).reshape(3, 4)
figure, axes = plt.subplots()
axes.set_title('Growth')
plt.close(figure)
class Slope:
    '''A model of one number.'''
    def get_params(self, deep=True): return {'steep': True}
    def fit(self): self.coef_ = [2.0]; return self
model = Slope().fit()
for n in range(3000): print('nest', n)"""
_ID = "(i) => window.__panel().content.model.cells.get(i).id"
#: A host that lends no widget its cells has no such method.
_KEEP_CELLS = "window.__panel().content.model.sharedModel.insertCell = undefined"
_LEND_CELLS = "delete window.__panel().content.model.sharedModel.insertCell"


def _call(name: str, /, **arguments: Any) -> Reply:
    return Reply(tool(_PREFIX + name, arguments))


def _told(seat: Seat, request: int = -1) -> str:
    """Return the words of the tool results in a request."""
    said: list[str] = []
    for block in seat.model.requests[request].results:
        content: Any = block["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        said += [part["text"] for part in parts if "text" in part]
    return "\n".join(said)


def _allow(seat: Seat, label: str, *sights: str) -> None:
    """Answer a question by a click, with what it would do in sight."""
    asked = seat.part("approval").filter(has_text=label)
    for sight in sights:
        expect(asked).to_contain_text(sight)
    asked.locator(hook("allow-once")).click()


def _card(seat: Seat, name: str, about: str = "") -> Locator:
    """Return a call's card, opened."""
    card = seat.part("log").locator(f'[data-tool="{_PREFIX}{name}"]').filter(has_text=about).last
    card.locator("summary").first.click()
    return card


def test_plots_are_looked_at_and_go_along(seat: Seat, chromium: Browser) -> None:
    """What matplotlib and plotly drew in a person's own cells is shown before, and goes as it was
    shown, within the budget; `--plots off` holds from then on.
    """
    chrome = find_chromium() or chromium.browser_type.executable_path
    seat.write(OTHER, _PLOTS.format(chrome=chrome))
    seat.nb.run(OTHER)
    seat.write(OTHER, "%claude_session context --budget 2000 --plots on")
    seat.nb.run(OTHER)
    expect(seat.nb.output(OTHER)).to_contain_text("of 2,000 tokens")
    expect(seat.nb.output(OTHER)).to_contain_text("a plotly figure of bar nests")
    expect(seat.nb.output(OTHER).locator("img")).to_have_count(2)
    shown = [each["data"].get("image/png") for each in seat.nb.outputs(OTHER) if "data" in each]
    seat.model.script("A line and a bar.")
    seat.ask("What do you see?")
    expect(seat.part("log")).to_contain_text("A line and a bar.")
    blocks: Any = [part for m in seat.model.requests[-1]["messages"] for part in blocks_of(m)]
    images: Any = [part["source"] for part in blocks if part["type"] == "image"]
    assert [image["media_type"] for image in images] == ["image/png", "image/png"]
    assert [image["data"] for image in images] == [each.strip() for each in shown if each]
    seat.write(OTHER, "%claude_session context --budget 4000 --plots off")
    seat.nb.run(OTHER)
    expect(seat.nb.output(OTHER)).to_contain_text("nothing goes along")


def _wheel(folder: Path) -> None:
    """Build the wheel of a package of one module."""
    info = "tiny_nests-1.0.dist-info"
    files = {
        "tiny_nests.py": "count = 41\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-nests\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_nests-1.0-py3-none-any.whl", "w") as wheel:
        for name, words in {**files, f"{info}/RECORD": "".join(f"{n},,\n" for n in files)}.items():
            wheel.writestr(name, words)


def test_a_package_is_installed_once_it_is_allowed(seat: Seat) -> None:
    """The question says what is installed and where; by one click it can be imported (S12)."""
    wheels, site = seat.folder / "wheels", seat.folder / "site"
    _wheel(wheels)
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_TARGET": str(site)}
    seat.write(OTHER, f"import os, sys\nos.environ.update({env})\nsys.path.append({str(site)!r})")
    seat.nb.run(OTHER)
    seat.model.script(_call("install_package", packages=["tiny-nests==1.0"]), "It is there.")
    seat.ask("Get it")
    _allow(seat, "Install package", 'pip install "tiny-nests==1.0"', "this notebook's kernel")
    expect(seat.nb.output(CHAT)).to_contain_text("Successfully installed tiny-nests-1.0")
    expect(seat.part("log")).to_contain_text("It is there.")
    assert "Successfully installed tiny-nests-1.0" in _told(seat)
    expect(_card(seat, "install_package", "tiny-nests==1.0")).to_contain_text("Successfully")
    seat.write(OTHER, "import tiny_nests\nprint('nests', tiny_nests.count)")
    seat.nb.run(OTHER)
    expect(seat.nb.output(OTHER)).to_contain_text("nests 41")


def test_what_claude_looks_at_is_seen(seat: Seat) -> None:
    """Cells, a long output in pieces, and variables of all kinds: nothing asks, a card shows each,
    and Claude gets the same.
    """
    seat.write(OTHER, _DATA)
    seat.nb.run(OTHER)
    seat.nb.save()
    cell: str = seat.page.evaluate(_ID, OTHER)
    names = ("birds", "wings", "figure", "model")
    looks = [_call("inspect_variable", name=name) for name in names]
    pieces = [_call("read_output", cell=cell), _call("read_output", cell=cell, start=20_000)]
    seat.model.script(_call("read_notebook"), *pieces, _call("list_variables"), *looks, "Looked.")
    seat.ask("Look around")
    expect(seat.part("log")).to_contain_text("Looked.")
    seen = {
        1: ("read_notebook", "", f"id={cell}", "birds = pd.DataFrame", "nest 7\n"),
        2: ("read_output", "", "nest 1\n", "go on with start=20000"),
        3: ("read_output", "from character 20,000", "nest 2999\n", ", its end.)"),
        4: ("list_variables", "", "birds: pandas.DataFrame, 2 x 2"),
        5: ("inspect_variable", "birds", "'nests' float64, 1 missing", "0  North   41.0"),
        6: ("inspect_variable", "wings", "3 x 4 float64", "min 0.0, max 1.0, mean 0.5"),
        7: ("inspect_variable", "figure", "title Growth"),
        8: ("inspect_variable", "model", "{'steep': True}", "coef_ = [2.0]", "of one number"),
    }
    for request, (name, about, *words) in seen.items():
        for each in words:
            assert each in _told(seat, request)
        if request != 2:  # its words stand in the second piece's card, too
            card = _card(seat, name, about)
            for each in words:
                expect(card).to_contain_text(each.strip())
    expect(_card(seat, "inspect_variable", "figure").locator("img")).to_have_count(1)


def test_cells_are_changed_and_run_from_the_chat(seat: Seat) -> None:
    """Each question shows the cell that is meant: what is put where, changed, run and deleted;
    what Claude wrote can be edited first, and what the cell shows is read afterwards (S12).
    """
    seat.write(OTHER, "colony = 'North'")
    other: str = seat.page.evaluate(_ID, OTHER)
    seat.model.script(_call("insert_cell", source="nests = 41", below=other), "It is put.")
    seat.ask("Put it")
    _allow(seat, "Insert cell", "nests = 41", f"id {other}")
    expect(seat.part("log")).to_contain_text("It is put.")
    made = OTHER + 1
    cell: str = seat.page.evaluate(_ID, made)
    seat.model.script(
        _call("edit_cell", cell=cell, source="nests = 42"), _call("run_cell", cell=cell), "It runs."
    )
    seat.ask("Change and run it")
    asked = seat.part("approval").filter(has_text="Edit cell")
    expect(asked.locator(hook("diff"))).to_have_text("- nests = 41+ nests = 42")
    asked.locator(hook("edit-input")).click()
    asked.locator(hook("edited-input")).fill("nests = 43\nprint('nests', nests)")
    asked.get_by_text("Run as edited").click()
    _allow(seat, "Run cell", "print('nests', nests)")
    expect(seat.nb.output(made)).to_contain_text("nests 43")
    expect(seat.part("log")).to_contain_text("It runs.")
    assert "It has been started" in _told(seat)
    seat.nb.wait_done(made)
    seat.model.script(_call("read_output", cell=cell), _call("delete_cell", cell=cell), "It went.")
    seat.ask("Read and delete it")
    _allow(seat, "Delete cell", "nests = 43", f"id {cell}")
    expect(seat.part("log")).to_contain_text("It went.")
    assert _told(seat, -2) == "nests 43"
    assert [each.source for each in seat.nb.save().cells[OTHER:]] == ["colony = 'North'"]


def test_where_cells_are_kept_to_themselves_one_is_put_below(seat: Seat) -> None:
    """A host that lends no widget its cells puts one below the cell that asked, when that ends;
    what else was wanted Claude is to show instead.
    """
    gate = threading.Event()
    seat.model.script(
        _call("insert_cell", source="nests = 44"),
        _call("run_cell", cell="any"),
        Reply(text("It stands below.", chunk_chars=4, hold=gate)),
    )
    seat.write(OTHER, f"%%claude --allow {_PREFIX}*\nPut it")
    seat.page.evaluate(_KEEP_CELLS)
    seat.nb.start(OTHER)
    expect(seat.nb.output(OTHER)).to_contain_text("It s")
    seat.page.evaluate(_LEND_CELLS)
    gate.set()
    seat.nb.wait_done(OTHER)
    assert "put below the one that asked" in _told(seat, 1)
    assert "Show the user what to change instead." in _told(seat, 2)
    expect(seat.nb.cell(OTHER + 1)).to_contain_text("nests = 44")
    assert [each.source for each in seat.nb.save().cells[OTHER + 1 :]] == ["nests = 44"]


def test_code_of_the_chat_that_asks_says_what_to_do(seat: Seat) -> None:
    """`input()` can ask nobody there: the person and Claude read why, and what to do instead."""
    seat.model.script(_call("run_python", code="input('Which colony? ')"), "Which one?")
    seat.ask("Ask me")
    _allow(seat, "Run Python", "Which colony?")
    expect(seat.part("log")).to_contain_text("Which one?")
    expect(seat.nb.output(CHAT)).to_contain_text("Do:  Tell Claude in the chat what to use")
    assert "Do:  Tell Claude in the chat what to use" in _told(seat)
