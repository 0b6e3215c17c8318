"""A person's answer to a question of Claude's where no widget asks: by `input()`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .messages import Approval, Scope
from .permissions import suggest
from .seen import on_one_line
from .terminal import approval_text

#: What of a call's input may be edited before it runs: the first of these that it has.
_EDITABLE = ("code", "command", "source")
_CHOICES: dict[str, tuple[bool, Scope]] = {
    "y": (True, "once"),
    "s": (True, "session"),
    "a": (True, "always"),
    "n": (False, "once"),
}
_WORDS = {"yes": "y", "session": "s", "always": "a", "no": "n", "edit": "e"}
_ONLY_THERE = "It can be edited before it runs only where the widget asks, not here."
_KEYS = "Esc, then Enter runs it as edited. Ctrl-C goes back to the question."

#: Lets a person edit a text; None where they thought better of it.
Edit = Callable[[str, str], "str | None"]


@dataclass(frozen=True)
class Reply:
    """What a person answered."""

    allow: bool
    scope: Scope = "once"
    reason: str = ""
    #: The input to run the tool with, instead of the one that Claude gave.
    edited: dict[str, Any] | None = None


def read_reply(
    approval: Approval, *, edit: Edit | None = None, read: Callable[[str], str] = input
) -> Reply:
    """Ask until the reply is one of those that are offered (main thread)."""
    field = next((f for f in _EDITABLE if isinstance(approval.input.get(f), str)), None)
    print(approval_text(approval))  # noqa: T201 - the question itself
    if field is not None and edit is None:
        print(_ONLY_THERE)  # noqa: T201
    may_edit = field is not None and edit is not None
    pattern = approval.pattern or suggest(approval.tool_name, approval.input)
    question = f"[y] once  [s] this session  [a] always {pattern}  {'[e] edit  ' * may_edit}"
    while True:
        # A rule made of the call's words can't write over what is asked (S11).
        said = read(on_one_line(f"{question}[n] no, because… > "))
        word, _, reason = said.strip().partition(" ")
        letter = _WORDS.get(word.lower(), word.lower())
        if letter in _CHOICES:
            allow, scope = _CHOICES[letter]
            return Reply(allow, scope, reason.strip())
        if letter == "e" and field is not None and edit is not None:
            text = edit(approval.tool_name, approval.input[field])
            if text is not None:
                return Reply(True, edited={**approval.input, field: text})
            continue
        offered = "y, s, a, e or n" if may_edit else "y, s, a or n"
        print(f"Please answer {offered} (a reason may follow n).")  # noqa: T201


def edit_in_terminal(tool: str, text: str) -> str | None:
    """Let a person edit a text in the terminal, by what IPython reads its own cells with."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.lexers import PygmentsLexer

    print(_KEYS)  # noqa: T201 - a toolbar would not show in every terminal
    lexer = PygmentsLexer.from_filename("it.sh" if tool == "Bash" else "it.py")
    session: PromptSession[str] = PromptSession(multiline=True, lexer=lexer)
    try:
        # A cell that awaits has a loop running on this thread.
        return session.prompt(default=text, in_thread=asyncio._get_running_loop() is not None)
    except (KeyboardInterrupt, EOFError):
        return None
