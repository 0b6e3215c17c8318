"""What goes along with a prompt: what is new, within the budget, without secrets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipyclaude.exceptions import TurnStopped, UsageMistake
from ipyclaude.notebook import figures
from ipyclaude.notebook.context import Along, Context, cell_text, fitting, tokens
from ipyclaude.notebook.masking import MASK
from ipyclaude.notebook.recording import Recorder
from ipyclaude.notebook.variables import snapshot

#: A shell that writes no history.
NO_HISTORY = Config({"HistoryManager": {"enabled": False}})


@pytest.fixture
def shell() -> Any:
    return InteractiveShell(config=NO_HISTORY)


@pytest.fixture
def recorder(shell: Any) -> Iterator[Recorder]:
    made = Recorder(shell)
    yield made
    made.close()


def run(shell: Any, code: str) -> None:
    """Run a cell as a front end does."""
    shell.run_cell(code, store_history=True)


def context(shell: Any, recorder: Recorder, budget: int = 4_000) -> Context:
    return Context(recorder, shell.user_ns, lambda: snapshot(shell), budget)


def test_cells_are_recorded_with_what_they_showed(shell: Any, recorder: Recorder) -> None:
    """Streams, results and tracebacks of the user's cells; not of code that is no cell."""
    run(shell, "print('hello')\n6 * 7")
    run(shell, "1 / 0")
    shell.run_cell("hidden = 1")
    first, second = recorder.since(0)
    assert (first.output, first.failed) == ("hello\n42", False)
    assert second.failed
    assert "ZeroDivisionError" in second.error
    assert recorder.last_error == second
    run(shell, "this is no Python")
    assert "SyntaxError" in (recorder.last_error or first).error
    assert recorder.count == 3


def test_a_mistake_in_asking_is_not_the_error_to_fix(shell: Any, recorder: Recorder) -> None:
    """What `%claude fix` is about stays the user's own failure, whatever was mistyped since."""
    shell.user_ns.update(mistaken=UsageMistake("There is no option --modle."), stop=TurnStopped())
    run(shell, "raise mistaken")
    assert recorder.last_error is None
    run(shell, "1 / 0")
    for again in ("raise mistaken", "raise stop"):
        run(shell, again)
        assert recorder.last_error is not None
        assert recorder.last_error.source == "1 / 0"


def test_a_closed_recorder_leaves_the_shell_as_it_was(shell: Any) -> None:
    """No listener and no stand-in is left (20)."""
    before = {name: list(found) for name, found in shell.events.callbacks.items()}
    recorder = Recorder(shell)
    run(shell, "print('hello')")
    recorder.close()
    run(shell, "1 + 1")
    assert recorder.count == 1
    assert shell.events.callbacks == before
    for owner, name in ((shell.display_pub, "publish"), (shell, "_showtraceback")):
        assert name not in vars(owner)


def test_each_session_is_told_what_is_new_once(shell: Any, recorder: Recorder) -> None:
    """Looking marks nothing as told; taking does, for that session alone."""
    along = context(shell, recorder)
    assert along.take("a").text == ""
    run(shell, "height = 180\nprint('measured')")
    assert along.look("a").text == along.look("a").text
    text = along.take("a").text
    assert "[1]\nheight = 180\nprint('measured')\noutput:\nmeasured" in text
    assert "height: int = 180" in text
    assert along.take("a").text == ""
    assert "measured" in along.take("b").text
    run(shell, "height = 181\nother = [1]")
    run(shell, "del other")
    text = along.take("a").text
    assert "height: int = 181" in text
    assert "other: list" not in text
    run(shell, "del height")
    assert "deleted: height" in along.take("a").text


def test_claudes_own_cells_are_left_out(shell: Any, recorder: Recorder) -> None:
    """The session has them anyway."""
    run(shell, "%%claude\nhello")
    run(shell, "  %claude_session list")
    assert context(shell, recorder).take("a").text == ""


def test_the_budget_holds(shell: Any, recorder: Recorder) -> None:
    """The newest cells come first; what is left out is counted; 0 sends nothing."""
    for number in range(150):
        run(shell, f"v{number} = {number}\nprint('x' * 500)")
    for budget in (200, 1_000, 10_000):
        text = context(shell, recorder, budget).take("a").text
        assert tokens(text) <= budget
        assert "[150]" in text or budget == 200
        assert "earlier cells are left out" in text
    assert context(shell, recorder, 0).take("a").text == ""
    assert fitting(["aaaa", "bbbb", "cc"], 10, "cells") == [
        "(1 earlier cells are left out)",
        "bbbb",
        "cc",
    ]


def plot(shell: Any, number: int, width: int = 600, height: int = 500) -> None:
    """Run a cell that shows a picture of this size, 400 tokens if none is given."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(8) + width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data = {"image/png": png + str(number).encode(), "text/plain": "a plot"}
    run(shell, f"get_ipython().display_pub.publish({data!r})")


def numbers(along: Along) -> list[str]:
    """Return the numbers that `plot` put behind the pictures."""
    return [base64.b64decode(part["data"])[24:].decode() for part in along.pictures]


def test_plots_go_along_if_asked(shell: Any, recorder: Recorder) -> None:
    """As pictures, each once; without being asked they are named only."""
    plot(shell, 1)
    along = context(shell, recorder)
    assert along.look("a").pictures == ()
    assert "a plot" in along.look("a").text
    along.plots = True
    plot(shell, 2)
    assert numbers(along.look("a")) == ["1", "2"]
    assert numbers(along.take("a")) == ["1", "2"]
    assert along.take("a").pictures == ()
    run(shell, "%%claude\nClaude's own cell shows what Claude has seen")
    assert along.take("a").pictures == ()


def test_plots_take_at_most_half_of_the_budget(shell: Any, recorder: Recorder) -> None:
    """The newest come first, a large one counts as what it takes once scaled down."""
    for number in range(6):
        plot(shell, number)
        run(shell, "print('x' * 3000)")
    for budget, wanted in ((4_000, 5), (2_000, 2), (700, 0)):
        along = context(shell, recorder, budget)
        along.plots = True
        made = along.look("a")
        assert len(made.pictures) == wanted
        assert numbers(made) == [str(n) for n in range(6)][6 - wanted :]
        assert made.tokens <= budget
        assert made.text
    plot(shell, 7, 8_000, 6_000)
    along = context(shell, recorder)
    along.plots = True
    assert numbers(along.look("a")) == ["5", "7"]


#: Stands for Kaleido, which needs a Chrome and seconds: a picture of 700 x 500 for each figure but
#: the last of three.
_DRAW = """
import base64, json, sys
png = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(8) + (700).to_bytes(4, "big") + (500).to_bytes(4, "big")
for figure in json.load(sys.stdin)[:2]:
    print(base64.b64encode(png + figure["layout"]["title"].encode()).decode())
"""


def figure(shell: Any, title: str) -> None:
    """Run a cell that shows a figure of plotly's, as plotly's renderer publishes it."""
    data = {figures.FIGURE: {"data": [{"type": "bar"}], "layout": {"title": title}}}
    run(shell, f"get_ipython().display_pub.publish({data!r})")


def test_figures_of_plotly_are_drawn_to_go_along(
    shell: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their place among the other plots; one that can't be drawn is told in words, and why."""
    monkeypatch.setattr(figures, "_DRAW", _DRAW)
    along = context(shell, recorder)
    figure(shell, "nests")
    asyncio.run(along.draw("a"))
    assert along.look("a").pictures == ()
    along.plots = True
    plot(shell, 1)
    figure(shell, "eggs")
    asyncio.run(along.draw("a"))
    made = along.look("a")
    assert numbers(along.take("a")) == ["nests", "1", "eggs"]
    assert "a plotly figure of bar; title 'nests'" in made.text
    assert "Kaleido" not in made.text
    assert tokens(made.text) < made.tokens <= 4_000
    asyncio.run(along.draw("a"))
    assert along.look("a").text == ""

    for title in ("wings", "beaks", "feet"):
        figure(shell, title)
    asyncio.run(along.draw("a"))
    made = along.take("a")
    assert numbers(made) == ["wings", "beaks"]
    assert "title 'feet'" in made.text
    assert made.text.count("Claude sees no picture of it") == 1


def test_a_figure_that_is_none_or_too_large_is_told_in_words(
    shell: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's cell ends as ever, whatever is shown by that name, and in bounded memory."""
    monkeypatch.setattr(figures, "MAX_FIGURE_CHARS", 1_000)
    figure(shell, "x" * 1_000)
    around = "around = []\naround.append(around)\n"
    run(shell, f"{around}get_ipython().display_pub.publish({{{figures.FIGURE!r}: around}})")
    assert recorder.count == 2
    assert recorder.plots(0) == []
    assert "a plotly figure of nothing" in context(shell, recorder).take("a").text


def test_secrets_stay_here(shell: Any, recorder: Recorder) -> None:
    """Sources, outputs and values are masked (S6)."""
    run(shell, "password = 'hunter2isgood'\nprint(password)")
    text = context(shell, recorder).take("a").text
    assert "hunter2isgood" not in text
    assert text.count(MASK) == 3


def test_a_failed_cell_is_told_with_its_error(shell: Any, recorder: Recorder) -> None:
    """The traceback is kept at its end, where the error is named."""
    run(shell, "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(30)")
    assert recorder.last_error is not None
    text = cell_text(recorder.last_error)
    assert text.startswith("[1] failed\ndef f(n)")
    assert text.endswith("ZeroDivisionError: division by zero")
    assert len(text) < 7_000
