"""`%%claude` in a real kernel: each option reaches Claude, each failure is one message."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from hosts import Notebook, Shown
from kernels import Kernel, Place, said

from ipyclaude.testing import Reply, ScriptedModel, text, tool
from ipyclaude.testing.replies import (
    Answer,
    bad_key,
    cut,
    malformed,
    no_such_model,
    overloaded,
    pause,
    rate_limited,
    server_error,
)
from ipyclaude.testing.requests import Request

StartKernel = Callable[..., Kernel]

_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    return Notebook(start(place, model, CLAUDE_CODE_MAX_RETRIES="0"))


def _blocks(request: Any, kind: str) -> list[dict[str, Any]]:
    contents = [m["content"] for m in request["messages"] if isinstance(m["content"], list)]
    return [block for content in contents for block in content if block["type"] == kind]


def _is_one_message(shown: Shown) -> bool:
    lines = shown.traceback.splitlines()
    return shown.status == "error" and len(lines) <= 3 and "File " not in shown.traceback


def test_what_is_sent_along_reaches_claude(
    nb: Notebook, model: ScriptedModel, place: Place
) -> None:
    """Variables, text files and images, from a variable or a path, are in the request."""
    (place.work / "note.txt").write_text("from a file", encoding="utf-8")
    (place.work / "dot.png").write_bytes(_DOT)
    nb.run("a, b = 41, 'from a variable'\ndot = open('dot.png', 'rb').read()")
    nb.run("%%claude -i a b --file note.txt --image dot --image dot.png\nWhat is {a + 1}, {{a}}?")
    [request] = model.requests
    words = said(request)
    assert "What is 42, {a}?" in words
    for part in ('name="a" type="int">\n41', "from a variable", 'path="note.txt">\nfrom a file'):
        assert part in words
    sent = [block["source"] for block in _blocks(request, "image")]
    assert {s["media_type"] for s in sent} == {"image/png"}
    assert [base64.b64decode(s["data"]) for s in sent] == [_DOT, _DOT]


def test_how_to_answer_reaches_claude(nb: Notebook, model: ScriptedModel) -> None:
    """Model, plan mode, effort, budget and schema hold for their own turn only."""
    model.script("One.", "Two.", Reply(tool("StructuredOutput", a=3)), "Usual.")
    nb.run("%%claude -m claude-haiku-4-5 --plan --max-budget 5\nfirst")
    nb.run("%%claude --effort low\nsecond")
    nb.run("wanted = {'type': 'object', 'properties': {'a': {'type': 'integer'}}}")
    nb.run("%%claude --json wanted -o got\nthird")
    nb.run("%%claude -o words\nfourth")
    first, second, third, fourth = model.requests[:4]
    assert first.model.startswith("claude-haiku-4-5")
    assert "Plan mode is active" in said(first)
    assert "USD budget" in said(first)
    assert second["output_config"]["effort"] == "low"
    assert not second.model.startswith("claude-haiku-4-5")
    assert "StructuredOutput" in {t["name"] for t in third["tools"]}
    assert "StructuredOutput" not in {t["name"] for t in fourth["tools"]}
    assert nb.value("(got, words)") == ({"a": 3}, "Usual.")


def test_a_cell_that_has_its_answer_asks_again_only_if_told(
    nb: Notebook, model: ScriptedModel
) -> None:
    """Run again, a cell shows its stored answer; `--again` asks anew."""
    model.script("First.", "Second.")
    nb.run("%%claude\nsay", cell="one")
    assert "Stored answer" in nb.run("%%claude\nsay", cell="one").text
    assert len(model.requests) == 1
    assert "Second." in nb.run("%%claude --again\nsay", cell="one").text
    assert len(model.requests) == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("%%claude", "The prompt is empty."),
        ("%%claude -s a\n   \n", "The prompt is empty."),
        ("%%claude --file nope.txt\nhi", "'nope.txt' cannot be read"),
        ("%%claude --file /\nhi", "'/' cannot be read"),
        ("%%claude --image nope.png\nhi", "There is no image 'nope.png'"),
        ("x = 5\n%claude --image x hi", "x is not an image"),
        ("%%claude -i nope\nhi", "There is no variable 'nope'"),
        ("%%claude --json nope -o r\nhi", "There is no variable 'nope'"),
        ("x = 5\n%claude --json x -o r hi", "x is not a JSON schema"),
        ("%%claude --allow Bash(\nhi", "is not a permission rule"),
        ("%%claude\n{1 / 0}", "ZeroDivisionError"),
        ("import ipyclaude\nipyclaude.ClaudeChat('nope')", "There is no session 'nope'"),
    ],
)
def test_bad_input_is_one_message(shared: Notebook, code: str, words: str) -> None:
    """What cannot be asked says what is right, and nothing is asked."""
    shown = shared.run(code)
    assert _is_one_message(shown), shown.text
    assert words in shown.text


def test_a_chat_that_cannot_be_made_leaves_no_traceback(shared: Notebook) -> None:
    """What is left of it goes without a word."""
    failing = "try:\n    ipyclaude.ClaudeChat('nope')\nexcept ipyclaude.IpyClaudeError:\n    pass"
    assert shared.run(f"import gc, ipyclaude\n{failing}\ngc.collect();").text.strip() == ""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One kernel for all that never reaches Claude."""
    place = Place(tmp_path_factory.mktemp("shared"))
    with ScriptedModel() as model:
        kernel = Kernel(place, place.env(model))
        kernel.run("%load_ext ipyclaude")
        yield Notebook(kernel)
        kernel.close()
        assert model.requests == []


def test_help_is_where_people_look(shared: Notebook) -> None:
    """`%%claude?`, `%%claude --help` and `%claude --help` list every option with its meaning."""
    looked = shared.value("get_ipython().object_inspect_text('%%claude')")
    for shown in (looked, shared.run("%claude --help").text, shared.run("%%claude --help").text):
        assert "--max-budget USD" in shown
        assert "the most this turn may cost" in shown
    assert "%claude_session help" in shared.value(
        "get_ipython().object_inspect_text('%claude_session')"
    )


_REFUSALS: dict[str, tuple[Answer, str]] = {
    "BadKey": (bad_key(), "Check ANTHROPIC_API_KEY"),
    "RateLimited": (rate_limited(), "ask again in a minute"),
    "Overloaded": (overloaded(), "ask again in a minute"),
    "ServerError": (server_error(), "status 500"),
    "RequestRefused": (no_such_model("claude-nope"), "Check the model's name"),
    "StreamCut": (Reply("Half of it.", pause(0.2), cut()), "Ask Claude to go on"),
    "MalformedEvent": (Reply("Half of it.", pause(0.2), malformed()), "Ask again"),
}


def test_each_refusal_is_one_message_and_the_next_turn_works(
    start: StartKernel, place: Place
) -> None:
    """A person sees one message with what to do; the session goes on, with its memory (S14)."""

    def answer(request: Request) -> Answer:
        # The CLI sends a prompt that failed along with the next one.
        return _REFUSALS.get(request.prompts[-1].split()[-1], ("All well.", ""))[0]

    with ScriptedModel(answer) as model:
        nb = Notebook(start(place, model, CLAUDE_CODE_MAX_RETRIES="0"))
        for name, (_, words) in _REFUSALS.items():
            shown = nb.run(f"%claude {name}")
            assert shown.error == name, shown.text
            assert words in shown.text
            assert _is_one_message(shown), shown.traceback
        assert "All well." in nb.run("%claude and now?").text
        assert model.requests[-1].prompts[0].startswith("BadKey")


def test_a_cli_that_dies_is_told_and_started_again(nb: Notebook, model: ScriptedModel) -> None:
    """Killed in mid-turn, the CLI is named, the words stay, and Claude remembers (S14)."""
    model.script("Before.", Reply(text("Half of it", chunk_chars=4, hold=threading.Event())), "On.")
    nb.run("%claude first")
    nb.kernel.open_subshell()
    sent = nb.send("%claude second", stdin=True)
    page = nb.kernel.turn()
    nb.kernel.until(lambda: "Half" in str(page.live))
    for child in psutil.Process(nb.kernel.pid).children():
        child.kill()
    shown = nb.collect(sent)
    assert shown.error == "CliDied"
    assert _is_one_message(shown), shown.traceback
    assert "Half" in nb.run("%claude_session show -n 1").text
    assert "On." in nb.run("%claude third").text
    assert "Before." in said(model.requests[-1])


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"IPYCLAUDE_CLI_PATH": "/no/such/claude"}, "cannot be started from /no/such/claude"),
        ({"ANTHROPIC_API_KEY": ""}, "Claude is not logged in here."),
        ({"IPYCLAUDE_EFFORT": "huge"}, "Correct IPYCLAUDE_EFFORT, or unset it."),
        ({"IPYCLAUDE_MAX_BUDGET_USD": "much"}, "is not a number"),
    ],
)
def test_a_wrong_set_up_is_one_message(
    start: StartKernel, place: Place, model: ScriptedModel, env: dict[str, str], words: str
) -> None:
    """A missing CLI, no login and a wrong setting say what to do, at the first prompt."""
    shown = Notebook(start(place, model, **env)).run("%claude hi")
    assert words in shown.text
    assert _is_one_message(shown), shown.traceback
    assert model.requests == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b"not a database at all" * 100, "kept"),
        (None, "is a folder"),
    ],
    ids=["damaged", "folder"],
)
def test_a_store_that_cannot_be_used_is_one_message(
    start: StartKernel, place: Place, model: ScriptedModel, damage: bytes | None, words: str
) -> None:
    """The cell says what is wrong with the file and what to do, and once that is done it works."""
    if damage is None:
        place.store_file.mkdir()
    else:
        place.store_file.write_bytes(damage)
    nb = Notebook(start(place, model))
    shown = nb.run("%claude hi")
    assert words in shown.text
    assert _is_one_message(shown), shown.traceback
    if damage is None:
        place.store_file.rmdir()
    else:
        [kept] = [p for p in place.data.iterdir() if p.read_bytes() == damage]
        assert kept != place.store_file
    model.script("Fine.")
    assert "Fine." in nb.run("%claude hi").text
