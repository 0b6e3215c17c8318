"""`%claude_session` in a real kernel, each subcommand as a person meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Place, said

from ipyclaude.messages import Phase, SessionInfo
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]

_HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    return Notebook(start(place, model))


def test_sessions_are_made_opened_renamed_closed_and_deleted(
    nb: Notebook, model: ScriptedModel
) -> None:
    """new, open last, resume, rename, close and delete do what they say, and refuse the rest."""
    model.script("Blue.", "Still blue.")
    assert "is new" in nb.run("%claude_session new sky").text
    assert "exists; opened it" in nb.run("%claude_session new sky").text
    nb.run("%claude which colour?")
    nb.run("%claude_session new sea")
    assert "There is a session 'sky' already." in nb.run("%claude_session rename sky").text
    assert "'sea' is now 'ocean'" in nb.run("%claude_session rename ocean").text
    assert "Session 'sky'" in nb.run("%claude_session resume sky").text
    assert "is closed" in nb.run("%claude_session close").text
    nb.run("%claude_session open sky\n%claude and now?")
    assert "Session 'sky'" in nb.run("%claude_session open last").text
    assert "which colour?" in said(model.requests[1])
    assert "Add --yes." in nb.run("%claude_session delete ocean").text
    kept = nb.run("%claude_session delete ocean", answers=["no"])
    assert "Nothing was deleted." in kept.text
    assert "is deleted" in nb.run("%claude_session delete ocean", answers=["y"]).text
    assert "is deleted" in nb.run("%claude_session delete sky --yes").text
    assert "There is no session 'sky'." in nb.run("%claude_session open sky").text
    assert "Did you mean 'last'?" in nb.run("%claude_session open lsat").text
    assert "There is no session yet." in nb.run("%claude_session list").text


def test_a_table_is_shown_once_in_both_forms(nb: Notebook) -> None:
    """In a kernel a table is one output, as HTML and as text for where no HTML is shown (S10)."""
    for line, words in (("status", "stored in"), ("new sky", "is new"), ("list", "last active")):
        [shown] = nb.run(f"%claude_session {line}").outputs
        assert words in shown["data"]["text/html"], line
        assert words in shown["data"]["text/plain"], line


def test_the_list_says_what_a_session_does(nb: Notebook, place: Place) -> None:
    """In words, in both forms: which one is current, and that another one works or waits."""
    nb.run("%claude_session new mine")
    store = SqliteStore(place.store_file)
    for name, phase in (("busy", Phase(type="running")), ("asking", Phase(type="waiting"))):
        store.put(SessionInfo(name=name, cwd=str(place.work), phase=phase))
    store.close()
    [shown] = nb.run("%claude_session list").outputs
    for told in ("mine +current", "busy +working", "asking +waits for permission"):
        assert re.search(told, shown["data"]["text/plain"]), told
        assert re.search(told, re.sub(r"<[^>]*>", " ", shown["data"]["text/html"])), told


def test_a_fork_remembers_up_to_its_message_and_not_beyond(
    nb: Notebook, model: ScriptedModel
) -> None:
    """The id that `show` tells cuts messages and Claude's memory; the original stays whole."""
    model.script("One.", "Two.", "In the fork.")
    nb.run("%claude_session new main")
    nb.run("%claude first thing")
    nb.run("%claude second thing")
    shown = nb.run("%claude_session show -n 9").text
    first, _ = re.findall(r"fork --at (\w+)", shown)
    assert "is a copy of 'main'" in nb.run(f"%claude_session fork side --at {first}").text
    nb.run("%claude third thing")
    told = said(model.requests[2])
    assert "first thing" in told
    assert "One." in told
    assert "second thing" not in told
    assert "second thing" not in nb.run("%claude_session show side -n 9").text
    assert "second thing" in nb.run("%claude_session show main -n 9").text
    # What the copied turn used was used once, in the original.
    [used] = re.findall(r"side +(\d+) +(\d+) +(\d+)", nb.run("%claude_session usage").text)
    assert used == ("1", "10", "20")
    assert "No message" in nb.run("%claude_session fork x --at 00000000").text


def test_what_is_hostile_is_escaped(nb: Notebook, model: ScriptedModel, place: Place) -> None:
    """Names, titles, hits and exports hold hostile text as text (S11)."""
    model.script(f"Yes {_HOSTILE}")
    nb.run(f'%%claude -s "{_HOSTILE}"\nsay {_HOSTILE}')
    for line in ("list", "usage", "search onerror", f'show "{_HOSTILE}"', ""):
        shown = nb.run(f"%claude_session {line}")
        assert shown.error == "", shown.text
        assert "<img" not in shown.html
    for ending in ("html", "md", "ipynb"):
        nb.run(f'%claude_session export "{_HOSTILE}" out.{ending}')
        text = (place.work / f"out.{ending}").read_text(encoding="utf-8")
        if ending == "ipynb":
            [output] = json.loads(text)["cells"][1]["outputs"]
            text = "".join(output["data"]["text/html"])
        assert "<img" not in text.removeprefix(f"# {_HOSTILE}")


def test_search_takes_any_words(nb: Notebook, model: ScriptedModel) -> None:
    """Quotes, operators, stars and emoji are searched for, not obeyed."""
    model.script("The 🦜 AND the cat*: it's")
    nb.run("%claude -s zoo animals?")
    for text in ("🦜", "AND", "cat*", "'\"'", "'a OR'", "'NEAR('", "-x", "it\\'s", "a:b"):
        shown = nb.run(f"%claude_session search -- {text}")
        assert shown.error == "", (text, shown.text)
    assert "zoo" in nb.run("%claude_session search cat").text
    assert "Nothing found" in nb.run("%claude_session search elephant").text


def test_exports_are_read_again(
    nb: Notebook, model: ScriptedModel, place: Place, start: StartKernel
) -> None:
    """All four formats are written, none over a file, and the notebook shows stored answers."""
    model.script("Blue {as} ever.")
    nb.run("%%claude -s sky\nwhich {{colour}}?")
    for ending in ("md", "html", "ipynb", "jsonl"):
        assert "Written to" in nb.run(f"%claude_session export sky out.{ending}").text
        assert "exists" in nb.run(f"%claude_session export sky out.{ending}").text
    assert "Written" in nb.run("%claude_session export --force sky out.md").text
    assert "no ending" in nb.run("%claude_session export sky out.pdf").text
    assert "cannot be written" in nb.run("%claude_session export sky no/such/dir.md").text
    assert "Blue {as} ever." in (place.work / "out.md").read_text()
    lines = (place.work / "out.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["session"]["name"] == "sky"
    cells = json.loads((place.work / "out.ipynb").read_text())["cells"]
    nb.kernel.close()
    again = Notebook(start(place, model)).run("".join(cells[1]["source"]))
    assert "Stored answer of 'sky'" in again.text
    assert len(model.requests) == 1


def test_rules_are_listed_and_taken_back(nb: Notebook, model: ScriptedModel, place: Place) -> None:
    """A remembered rule is seen, works, and is revoked by its number or its text (S12)."""
    touch = Reply(tool("Bash", {"command": "touch made.txt"}))
    model.script(touch, "Made.", touch, "Not made.")
    assert "is not a permission rule" in nb.run("%claude_session allow 'Bash('").text
    nb.run("%claude_session allow Bash(touch made.txt)")
    nb.run("%claude_session allow Read --session")
    listed = nb.run("%claude_session allow").text
    assert "Bash(touch made.txt)" in listed
    assert "this session" in listed
    nb.run("%claude make it")
    assert (place.work / "made.txt").exists()
    assert "made.txt) is revoked" in nb.run("%claude_session revoke Bash(touch made.txt)").text
    assert "Read is revoked" in nb.run("%claude_session revoke 1").text
    assert "No rules" in nb.run("%claude_session allow").text
    assert "No rule '7'" in nb.run("%claude_session revoke 7").text
    nb.run("%claude make it again")
    assert "nobody is here" in said(model.requests[-1])


def test_history_is_imported_with_its_bad_line_told(nb: Notebook, place: Place) -> None:
    """A bad line is named by file and line number, the rest is read, the file stays (S13)."""
    file = place.work / "0f8fad5b-d9cb-469f-a165-70867728950e.jsonl"
    entry = {
        "type": "user", "uuid": "11111111-1111-4111-8111-111111111111", "parentUuid": None,
        "sessionId": file.stem, "cwd": str(place.work), "timestamp": "2026-01-01T00:00:00Z",
        "message": {"role": "user", "content": "an old question"},
    }  # fmt: skip
    file.write_text(json.dumps(entry) + "\n{broken\n")
    before = file.read_bytes()
    shown = nb.run(f"%claude_session import {file}").text
    assert "1 session, 2 messages imported." in shown
    assert f"{file.name}:2:" in shown
    assert file.read_bytes() == before
    assert "an old question" in nb.run("%claude_session search old").text
    [report] = nb.run(f"%claude_session import {file}").outputs
    assert report["data"]["text/plain"] == "Nothing new was found to import."
    assert nb.run("%claude_session import no-such.jsonl").status == "error"


def test_mistakes_are_one_message(nb: Notebook, model: ScriptedModel) -> None:
    """A wrong subcommand, argument or quote says what is right, without a traceback."""
    for line, words in (
        ("opne", "Did you mean open?"),
        ('open "x', "Close the quote."),
        ("open", "NAME|ID|last"),
        ("show -n many", "'many' is not a whole number"),
        ("show -n 0", "'0' is not a whole number"),
        ("list --al --x", "--x"),
        ("rename ''", "name"),
        ("new last", "name"),
        ("login", "No Convex deployment is set"),
    ):
        shown = nb.run(f"%claude_session {line}")
        assert shown.status == "error", line
        assert words in shown.text
        assert "File " not in shown.traceback
    text = nb.run("%claude_session help").text
    assert text.index("status") < text.index("fork") < text.index("watch")
    assert "nobody has to" in nb.run("%claude_session whoami").text
    assert model.requests == []
