"""Plain `ipython` in a terminal of 80 columns, typed at as a person does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psutil
import pytest
from kernels import PATIENCE, Place, said
from terminals import PROMPT, Terminal

from ipyclaude.testing import Reply, ScriptedModel, text, tool

_ASKS = r"no, because… > "


@pytest.fixture
def open_terminal(place: Place, model: ScriptedModel) -> Iterator[Callable[[], Terminal]]:
    opened: list[Terminal] = []

    def start() -> Terminal:
        opened.append(Terminal(place, model))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.end()


@pytest.fixture
def terminal(open_terminal: Callable[[], Terminal]) -> Terminal:
    return open_terminal()


def test_a_prompt_on_one_line_arrives_as_typed_and_its_answer_is_shown(
    terminal: Terminal, model: ScriptedModel
) -> None:
    """Quotes, dollars, braces and a closing question mark are the prompt's own."""
    model.script("It is **two**.\n\n```python\nprint(2)\n```")
    shown = terminal.type("""%claude what's "this" in $HOME, {1+1} or {{x}}?""")
    assert """what's "this" in $HOME, 2 or {x}?""" in said(model.requests[0])
    assert "It is two." in shown
    assert "\x1b[1mtwo\x1b[0m" in terminal.process.before
    assert "print(2)" in shown
    assert "30 tokens" in shown


def test_the_answer_stays_within_the_width(terminal: Terminal, model: ScriptedModel) -> None:
    """Nothing that is shown of an answer is wider than the terminal's 80 columns."""
    model.script(Reply(text("word " * 60 + "\n\n- a long item " + "x" * 200, chunks=9)))
    shown = terminal.type("%claude wide")
    assert shown.count("word") >= 60
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_a_cell_and_an_answer_bound_to_a_variable(terminal: Terminal, model: ScriptedModel) -> None:
    """`%%claude` takes the lines under it, and `-o` binds the answer, `--quiet` shows nothing."""
    model.script("The answer.")
    shown = terminal.type("%%claude --quiet -o answer\nfirst {40 + 2}\nsecond\n\n")
    assert "The answer." not in shown
    assert "first 42\nsecond" in said(model.requests[0])
    assert terminal.value("answer") == "The answer."


def test_a_permission_is_asked_for_until_the_reply_is_one_that_is_offered(
    terminal: Terminal, model: ScriptedModel, place: Place
) -> None:
    """Nonsense asks again, `n` with a reason tells Claude why, `s` is for the session (S12)."""
    touch = tool("Bash", {"command": "touch made.txt", "run_in_background": False})
    model.script(Reply("I will.", touch), "Denied.", Reply(touch), "Done.", Reply(touch), "Again.")
    asked = terminal.type("%claude make it", until=_ASKS)
    assert "Bash: touch made.txt" in asked
    assert "run_in_background" in asked
    assert "Please answer y, s, a, e or n" in terminal.type("perhaps", until=_ASKS)
    assert "Denied." in terminal.type("n not on a Tuesday")
    assert "not on a Tuesday" in said(model.requests[1])
    assert not (place.work / "made.txt").exists()
    terminal.type("%claude make it now", until=_ASKS)
    assert "Done." in terminal.type("s")
    assert (place.work / "made.txt").exists()
    assert "Again." in terminal.type("%claude make it again")
    assert "Bash(touch:*)" in terminal.type("%claude_session allow")


def test_code_is_edited_before_it_runs(
    open_terminal: Callable[[], Terminal], model: ScriptedModel, place: Place
) -> None:
    """`e` edits it over several lines; Ctrl-C there goes back, and a rule refuses what it must."""
    profile = place.made("ipython/profile_default")
    (profile / "ipython_config.py").write_text("c.IPyClaude.deny = ['Bash(rm:*)']\n")
    terminal = open_terminal()
    run = tool("mcp__notebook__run_python", {"code": "made = 41\nmade"})
    refused = Reply(tool("Bash", {"command": "touch made.txt"}))
    model.script(Reply(run), "Run.", refused, "Not made.")
    terminal.type("%claude run it", until=_ASKS)
    editor = "Esc, then Enter.*made"
    for more, ends in (("", "\x03"), (" + 1\r'seen'", "\x1b\r")):
        terminal.type("e", until=editor)
        terminal.process.send(f"{more}{ends}")
        if ends == "\x03":
            terminal.expect(_ASKS)
    assert "Run." in terminal.expect(PROMPT)
    assert terminal.value("made") == 41
    assert "'seen'" in said(model.requests[1])
    assert "The user edited this call before it ran" in said(model.requests[1])
    terminal.type("%claude make it", until=_ASKS)
    terminal.type("e", until=editor)
    terminal.process.send(" && rm x\x1b\r")
    assert "The rule Bash(rm:*) refuses this as you edited it." in terminal.expect(_ASKS)
    assert "Not made." in terminal.type("n")


def test_what_claude_says_cannot_repaint_the_terminal(
    terminal: Terminal, model: ScriptedModel
) -> None:
    """Escape codes in a tool's input or in an answer are shown, not obeyed (S11, S12)."""
    hidden = {"file_path": "made.txt", "content": "one \x1b[2K\x1b[1A\x9b2J\u202e two"}
    model.script(Reply(tool("Write", hidden)), "\x1b]0;owned\x07done")
    terminal.process.sendline("%claude tidy up")
    terminal.process.expect(_ASKS)
    assert "\\u001b[2K\\u001b[1A\ufffd2J\ufffd two" in terminal.process.before
    terminal.process.sendline("n")
    terminal.process.expect(PROMPT)
    assert "\x1b]0;owned" not in terminal.process.before
    assert "done" in terminal.process.before


def test_ctrl_c_stops_the_turn_and_not_the_session(
    terminal: Terminal, model: ScriptedModel
) -> None:
    """After Ctrl-C the prompt is back, and the same process answers the next turn (S9)."""
    never = threading.Event()
    model.script(Reply(text("one two three four", chunks=4, hold=never)), "Still here.")
    terminal.process.sendline("%claude count")
    terminal.expect("one")
    before = {child.pid for child in terminal.children}
    terminal.process.sendintr()
    shown = terminal.expect(PROMPT)
    assert "Stopped by user." in shown
    assert "Traceback" not in shown
    assert "Still here." in terminal.type("%claude go on")
    assert {child.pid for child in terminal.children} == before


def test_ctrl_c_at_the_permission_prompt_stops_the_turn(
    terminal: Terminal, model: ScriptedModel
) -> None:
    """A question that is interrupted ends the turn, and runs nothing."""
    model.script(Reply(tool("Bash", {"command": "touch made.txt"})), "Fine.")
    terminal.type("%claude make it", until=_ASKS)
    terminal.process.sendintr()
    assert "Stopped by user." in terminal.expect(PROMPT)
    assert "Fine." in terminal.type("%claude never mind")


def test_bad_input_is_one_message(terminal: Terminal, model: ScriptedModel) -> None:
    """A wrong option, an empty prompt and a failing expression each say what is right."""
    for line, words in (
        ("%claude", "The prompt is empty."),
        ("%claude --modle x hi", "Did you mean --model?"),
        ("%claude {nope}", "NameError"),
        ("%claude_session opne x", "Did you mean open?"),
        ('%claude_session open "x', "Close the quote."),
        ("%claude_session chat", "needs a notebook"),
    ):
        shown = terminal.type(line)
        assert words in shown
        assert "Traceback" not in shown
        assert "site-packages" not in shown
    assert model.requests == []


def test_tables_are_text_within_the_width(terminal: Terminal, model: ScriptedModel) -> None:
    """Status, list, help, show, usage and search are aligned text of at most 80 columns."""
    model.script("Blue.")
    terminal.type("%claude -s colours which colour is the sky on a clear day in the summer?")
    for command, words in (
        ("", "stored in"),
        ("list", "colours"),
        ("help", "export"),
        ("show colours", "> which colour"),
        ("usage", "total"),
        ("search sky", "colours"),
        ("todos colours", "has no to-dos"),
    ):
        shown = terminal.type(f"%claude_session {command}")
        assert words in shown
        assert "\x1b" not in shown
        assert max(len(line) for line in shown.splitlines() if "/" not in line) <= 80


def test_tab_completes_subcommands_options_and_names(terminal: Terminal) -> None:
    """IPython's own completer offers them, session names from the first Tab on."""

    def complete(line: str) -> object:
        return terminal.value(f"sorted(get_ipython().complete(None, {line!r})[1])")

    assert complete("%claude_session re") == ["rename", "resume", "revoke"]
    assert complete("%claude --ef") == ["--effort"]
    assert complete("%%claude --bud") == []
    terminal.type("%claude_session new sunrise")
    assert complete("%claude_session open sun") == ["sunrise"]
    assert complete("%claude_session delete --y") == ["--yes"]
    assert complete("%claude -s sun") == ["sunrise"]
    assert complete("%claude --effort hi") == ["high"]
    assert complete("%claude tell me about sun") == []


def test_tab_knows_the_sessions_before_anything_was_asked(
    open_terminal: Callable[[], Terminal],
) -> None:
    """A terminal that has only loaded the extension completes the names that are stored."""
    open_terminal().type("%claude_session new sunrise")
    found = open_terminal().value("get_ipython().complete(None, '%claude_session open sun')[1]")
    assert found == ["sunrise"]


def test_exit_leaves_no_process(terminal: Terminal, model: ScriptedModel) -> None:
    """Leaving IPython ends Claude's process, and says nothing about it."""
    model.script("Hello.")
    terminal.type("%claude hi")
    children = terminal.children
    assert children != []
    assert terminal.exit() == 0
    assert "Error" not in terminal.process.before
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []


def test_unloading_in_the_middle_of_a_background_turn_ends_it(
    terminal: Terminal, model: ScriptedModel
) -> None:
    """`-b` returns at once; unloading meanwhile ends the process, and loading again works."""
    never = threading.Event()
    model.script(Reply(text("one two", chunks=2, hold=never)), "Back.")
    assert "Claude works on it" in terminal.type("%claude -s back -b count")
    model.wait_for_requests(1, PATIENCE)
    shown = terminal.type("%claude -s back count")
    assert "still working" in shown
    children = terminal.children
    shown = terminal.type("%unload_ext ipyclaude")
    assert "Error" not in shown
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
    terminal.type("%load_ext ipyclaude")
    assert "Back." in terminal.type("%claude -s back again")
