"""`run_python` in a real kernel: Claude's code runs as a cell does, where a person sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hosts import Notebook, Shown
from kernels import Kernel, Place, said
from lending import RUN, ask, call, code, result, streams, told

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    return Notebook(start(place, model))


def run(nb: Notebook, model: ScriptedModel, source: str, **more: Any) -> Shown:
    """Have Claude run code, allowed by an option of the cell."""
    return ask(nb, model, code(source, **more))


def test_code_runs_in_the_users_namespace(nb: Notebook, model: ScriptedModel) -> None:
    """It sees and sets the user's variables; output is in the cell, and told to the model."""
    nb.run("x = 20")
    shown = run(nb, model, "import threading\ny = x * 2\nprint('twice')\ny + 2")
    assert streams(shown) == "twice\n"
    assert [o["data"] for o in shown.outputs if o["output_type"] == "execute_result"] == [
        {"text/plain": "42"}
    ]
    assert told(model) == "twice\n42"
    assert nb.value("y") == 40
    assert run(nb, model, "threading.current_thread() is threading.main_thread()").status == "ok"
    assert told(model) == "True"
    run(nb, model, "y;")
    assert told(model) == "Done; nothing was shown."


def test_it_asks_first_with_the_code_shown(nb: Notebook, model: ScriptedModel) -> None:
    """Nothing runs before a person has read the code and said yes (S12)."""
    model.script(code("made = 1\nmade + 1"), "Not run.", code("made = 2"), "Run.")
    shown = nb.run("%claude do it", answers=["n not now"])
    assert f"{RUN}:\nmade = 1\nmade + 1" in streams(shown)
    assert "It can be edited before it runs only where the widget asks" in streams(shown)
    assert "not now" in said(model.requests[-1])
    assert nb.value("'made' in dir()") is False
    nb.run("%claude do it again", answers=["y"])
    assert nb.value("made") == 2


def test_with_nobody_there_it_needs_a_rule(nb: Notebook, model: ScriptedModel) -> None:
    """An unattended notebook runs Claude's code only where a rule says so (S12)."""
    model.script(code("made = 1"), "Not run.", code("made = 1"), "Run.")
    nb.run("%claude do it")
    assert f"--allow '{RUN}'" in told(model)
    nb.run(f"%claude_session allow {RUN}\n%claude do it again")
    assert nb.value("made") == 1


def test_the_tool_is_in_the_prompt_at_once(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """It is not deferred behind tool search, and can be switched off as a whole."""
    model.script("One.", "Two.")
    kernel = start(place, model, ENABLE_TOOL_SEARCH="")
    kernel.run("%claude hello")
    assert RUN in {offered["name"] for offered in model.requests[0]["tools"]}
    kernel.run("%reload_ext ipyclaude\n%env IPYCLAUDE_LEND_NOTEBOOK=0\n%claude hello again")
    assert RUN not in {offered["name"] for offered in model.requests[-1]["tools"]}


def test_errors_are_shown_and_told_and_the_cell_goes_on(nb: Notebook, model: ScriptedModel) -> None:
    """A traceback reaches both; the cell's own status is the turn's."""
    shown = run(nb, model, "def f():\n    return 1 / 0\nf()")
    assert shown.status == "ok"
    assert "ZeroDivisionError" in streams(shown)
    assert "ZeroDivisionError: division by zero" in told(model)
    assert "ipyclaude" not in told(model)
    assert model.requests[-1].results[0]["is_error"]
    run(nb, model, "this is no Python")
    assert "SyntaxError" in told(model)
    run(nb, model, "raise SystemExit(3)")
    assert "SystemExit" in told(model)
    assert nb.value("1 + 1") == 2


def test_streams_and_shell_commands_are_told_in_order(nb: Notebook, model: ScriptedModel) -> None:
    """stdout, stderr, displays, !commands and magics come in the order in which they were shown."""
    shown = run(
        nb,
        model,
        "import sys\nprint('one')\nprint('two', file=sys.stderr)\ndisplay(3)\n!echo four\n"
        "print('\\x1b[31mfive\\x1b[0m')\n%time 6",
    )
    text = told(model)
    places = [text.index(word) for word in ("one", "[stderr] two", "3", "four", "five", "Wall")]
    assert places == sorted(places)
    assert "\x1b" not in text
    assert "four" in streams(shown)


def test_long_output_is_bounded_for_the_model(nb: Notebook, model: ScriptedModel) -> None:
    """The notebook has all of it; the model gets the beginning and the end."""
    shown = run(nb, model, "print('begin' + 'x' * 3_000_000 + 'end')")
    assert len(streams(shown)) > 3_000_000
    assert len(told(model)) < 50_000
    assert told(model).startswith("begin")
    assert told(model).endswith("end")
    assert "characters are left out here" in told(model)


def test_code_may_await(nb: Notebook, model: ScriptedModel) -> None:
    """Top-level `await` works while the cell waits."""
    run(nb, model, "import asyncio\nawait asyncio.sleep(0.01)\n'slept'")
    assert told(model) == "'slept'"
    assert nb.run("await asyncio.sleep(0)\nprint('still')").text.startswith("still")


def test_plots_are_seen_by_both(nb: Notebook, model: ScriptedModel) -> None:
    """A matplotlib figure is shown in the cell and sent to the model as an image."""
    shown = run(nb, model, "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()")
    assert shown.mime("image/png")
    [image] = [part for part in result(model) if part["type"] == "image"]
    assert image["source"]["media_type"] == "image/png"
    assert image["source"]["data"].startswith("iVBOR")


def test_tables_and_interactive_plots_are_shown_as_ever(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """A DataFrame's HTML and a plotly figure are in the cell; without a Chrome Claude gets text."""
    nb = Notebook(start(place, model, BROWSER_PATH="/no/such/chrome"))
    shown = run(nb, model, "import pandas as pd\npd.DataFrame({'height': [1, 2], 'name': 'ab'})")
    assert "<table" in shown.html
    assert "height name" in told(model)
    shown = run(
        nb,
        model,
        "import plotly.graph_objects as go\n"
        "fern = go.Figure(go.Scatter(y=[1, 2, 3], name='fern'), {'title': 'Growth'})\nfern.show()",
    )
    assert shown.mime("application/vnd.plotly.v1+json")
    for _ in range(2):
        assert "a plotly figure of scatter fern; title 'Growth'" in told(model)
        assert "Kaleido needs a Chrome" in told(model)
        ask(nb, model, call("inspect_variable", name="fern"), allow="Read")


# -- interrupts --------------------------------------------------------------------------------

_LOOPS = {
    "sleep": "import time\nstarted = True\nprint('begun')\ntime.sleep(60)",
    "await": "import asyncio\nprint('begun')\nawait asyncio.sleep(60)",
    "loop": "print('begun')\nwhile True:\n    pass",
    "stubborn": (
        "import time\nprint('begun')\nfor _ in range(2):\n    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        pass"
    ),
    # It holds the interpreter's lock, so that no other thread can do anything.
    "in C": "import re\nprint('begun')\nre.match('(a|aa)+$', 'a' * 60 + 'b')",
}


@pytest.mark.parametrize("kind", _LOOPS)
def test_a_time_out_ends_what_an_interrupt_ends(
    nb: Notebook, model: ScriptedModel, kind: str
) -> None:
    """The code stops, Claude is told, and the turn goes on."""
    shown = run(nb, model, _LOOPS[kind], timeout=0.5)
    assert shown.status == "ok"
    assert "begun" in told(model)
    assert "It was interrupted after 0.5 s, its time-out." in told(model)
    assert nb.value("1 + 1") == 2


@pytest.mark.parametrize("kind", ["sleep", "await", "loop"])
def test_an_interrupt_ends_the_code_and_the_turn(
    nb: Notebook, model: ScriptedModel, kind: str
) -> None:
    """Ctrl-C in the code stops the turn, and the kernel is as good as before (S9)."""
    model.script(code(_LOOPS[kind]))
    sent = nb.send(f"%%claude --allow {RUN}\nRun it.")
    part = nb.collect(sent, until=lambda shown: "begun" in streams(shown))
    assert part.status == ""
    nb.kernel.interrupt()
    shown = nb.collect(sent)
    assert "Stopped by user." in shown.traceback
    model.script("Here.")
    assert "Here." in nb.run("%claude still there?").text
    assert len(model.requests) == 2


def test_code_may_ask_the_person(nb: Notebook, model: ScriptedModel) -> None:
    """`input()` asks in the cell."""
    model.script(code("name = input('Who? ')\nname.upper()"), "Done.")
    shown = nb.run(f"%%claude --allow {RUN}\nAsk.", answers=["ada"])
    assert shown.asked == ["Who? "]
    assert told(model) == "'ADA'"


def test_input_is_interrupted(nb: Notebook, model: ScriptedModel) -> None:
    """A question that nobody answers ends by its time-out."""
    model.script(code("input('Who? ')", timeout=0.5), "Done.")
    sent = nb.send(f"%%claude --allow {RUN}\nAsk.", stdin=True)
    channel: Any = nb.kernel.client.stdin_channel
    nb.kernel.until(lambda: bool(channel.msg_ready()))
    channel.get_msg(timeout=1)
    assert nb.collect(sent).status == "ok"
    assert "its time-out" in told(model)


def test_an_interrupt_ends_a_call_in_c(nb: Notebook, model: ScriptedModel, place: Place) -> None:
    """One too that holds the interpreter's lock, so that nothing of ours can run meanwhile (S9)."""
    model.script(code(f"open('begun', 'w').close()\n{_LOOPS['in C']}"))
    sent = nb.send(f"%%claude --allow {RUN}\nRun it.")
    nb.kernel.until((place.work / "begun").exists)
    nb.kernel.interrupt()
    assert "Stopped by user." in nb.collect(sent).traceback
    assert nb.value("1 + 1") == 2


def test_an_interrupt_ends_a_question_and_the_turn(nb: Notebook, model: ScriptedModel) -> None:
    """Whoever does not want to answer `input()` stops, as in a cell of their own (S9)."""
    model.script(code("input('Who? ')"))
    sent = nb.send(f"%%claude --allow {RUN}\nAsk.", stdin=True)
    channel: Any = nb.kernel.client.stdin_channel
    nb.kernel.until(lambda: bool(channel.msg_ready()))
    channel.get_msg(timeout=1)
    nb.kernel.interrupt()
    assert "Stopped by user." in nb.collect(sent).traceback
    assert nb.value("1 + 1") == 2


def test_what_cannot_be_interrupted_is_said(nb: Notebook, model: ScriptedModel) -> None:
    """A call that no interrupt ends does not hold the turn: Claude is told what it means."""
    slow = "import hashlib\n_ = hashlib.pbkdf2_hmac('sha256', b'x', b'y', 25_000_000)"
    shown = run(nb, model, slow, timeout=0.2)
    assert "It did not stop when it was interrupted" in told(model)
    assert shown.status == "ok"
    assert nb.value("1 + 1") == 2
