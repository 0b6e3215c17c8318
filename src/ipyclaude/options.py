"""Options of `%claude` and `%%claude`: what is an option, and what is the prompt.

An option takes exactly what it needs and never the prompt: reading stops at the first word
that isn't an option, and everything from there on is the prompt, as it was typed. Imported
by `%load_ext`, so nothing heavy here.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from typing import Any

from .exceptions import UsageMistake
from .settings import EFFORTS

_WORD = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+)""")


@dataclass(frozen=True)
class Option:
    """One option: its spellings, what it takes (None for a switch), and what it does."""

    names: tuple[str, ...]
    field: str
    metavar: str | None
    help: str
    many: bool = False
    choices: tuple[str, ...] = ()


OPTIONS = (
    Option(("-s", "--session"), "session", "NAME", "the session to use; made if there is none"),
    Option(("-m", "--model"), "model", "MODEL", "the model for this turn"),
    Option(("--plan",), "plan", None, "plan only: Claude may read, not change"),
    Option(("--effort",), "effort", "LEVEL", "how much thought goes into it", choices=EFFORTS),
    Option(("--max-budget",), "max_budget", "USD", "the most this turn may cost"),
    Option(
        ("-i", "--input"), "inputs", "VAR", "send this variable (repeatable, or a,b)", many=True
    ),
    Option(("-o", "--output"), "output", "VAR", "bind the answer to this variable"),
    Option(
        ("--json",), "schema", "SCHEMA_VAR", "a structured answer by this JSON schema; needs -o"
    ),
    Option(("--file",), "files", "PATH", "send this text file (repeatable)", many=True),
    Option(("--image",), "images", "VAR|PATH", "send this image (repeatable)", many=True),
    Option(("--allow",), "allow", "RULE", "let this tool run unasked in this turn", many=True),
    Option(("-b", "--background"), "background", None, "return at once; the output goes on"),
    Option(("--again",), "again", None, "ask anew, even where the answer is stored"),
    Option(("--quiet",), "quiet", None, "show nothing; use with -o"),
    Option(("-h", "--help"), "help", None, "show this help"),
)
_BY_NAME = {name: option for option in OPTIONS for name in option.names}


@dataclass(frozen=True)
class Asked:
    """What a `%claude` line or a `%%claude` cell says."""

    prompt: str = ""
    session: str | None = None
    model: str | None = None
    plan: bool = False
    effort: str | None = None
    max_budget: float | None = None
    inputs: tuple[str, ...] = ()
    output: str | None = None
    schema: str | None = None
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    background: bool = False
    again: bool = False
    quiet: bool = False
    help: bool = False


@dataclass
class _Reading:
    line: str
    at: int = 0
    found: dict[str, Any] = field(default_factory=dict[str, Any])

    def peek(self) -> str | None:
        match = _WORD.match(self.line, self.at)
        return match[1] if match else None

    def take(self) -> str:
        match = _WORD.match(self.line, self.at)
        assert match is not None
        self.at = match.end()
        return match[1]


def _unquoted(word: str) -> str:
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "\"'":
        return word[1:-1]
    return word


def _unknown(name: str) -> UsageMistake:
    near = difflib.get_close_matches(name, _BY_NAME, n=1)
    return UsageMistake(
        f"There is no option {name}.",
        fix=f"Did you mean {near[0]}?"
        if near
        else "See %%claude? for the options; put -- before a prompt that starts with a dash.",
    )


def _value(option: Option, spelled: str, inline: str | None, reading: _Reading) -> str:
    if inline is not None:
        return inline
    word = reading.peek()
    if word is None or word == "--" or word in _BY_NAME:
        raise UsageMistake(
            f"{spelled} needs {option.metavar}.",
            fix=f"Write {spelled} {option.metavar}: {option.help}.",
        )
    return _unquoted(reading.take())


def _store(option: Option, value: Any, found: dict[str, Any]) -> None:
    if option.choices and value not in option.choices:
        raise UsageMistake(
            f"{option.names[-1]} cannot be {value!r}.",
            fix=f"Use one of {', '.join(option.choices)}.",
        )
    if option.many:
        split = option.field == "inputs"
        values = [v for v in value.split(",") if v] if split else [value]
        found[option.field] = (*found.get(option.field, ()), *values)
    elif option.field in found and option.metavar is not None:
        raise UsageMistake(f"{option.names[-1]} is given twice.", fix="Give it once.")
    else:
        found[option.field] = value


def _read_options(reading: _Reading) -> None:
    while (word := reading.peek()) is not None:
        if word == "--":
            reading.take()
            return
        if not re.match(r"--?[A-Za-z]", word):
            return
        reading.take()
        name, equals, inline = word.partition("=")
        option = _BY_NAME.get(name)
        if option is None:
            raise _unknown(name)
        if option.metavar is None:
            if equals:
                raise UsageMistake(f"{name} takes no value.", fix=f"Write {name} alone.")
            _store(option, True, reading.found)
        else:
            value = _value(option, name, _unquoted(inline) if equals else None, reading)
            _store(option, value, reading.found)


def _budget(text: str) -> float:
    try:
        amount = float(text.lstrip("$"))
    except ValueError:
        amount = 0.0
    if not 0 < amount < math.inf:
        raise UsageMistake(
            f"--max-budget cannot be {text!r}.", fix="Give an amount in USD, such as 0.50."
        )
    return amount


def parse(line: str, cell: str | None) -> Asked:
    """Read a line magic (`cell` None) or a cell magic.

    Raises
    ------
    UsageMistake
        An unknown option, a missing value, an empty prompt; it says what is right.
    """
    reading = _Reading(line)
    _read_options(reading)
    rest = line[reading.at :].strip()
    if cell is not None:
        rest = _trailing_values(rest, line[: reading.at], reading.found)
    prompt = rest if cell is None else cell.strip("\n")
    if "max_budget" in reading.found:
        reading.found["max_budget"] = _budget(reading.found["max_budget"])
    asked = Asked(prompt=prompt, **reading.found)
    _check(asked, cell is not None)
    return asked


def _trailing_values(rest: str, taken: str, found: dict[str, Any]) -> str:
    """In a cell magic the line holds no prompt: `-i a b c` may go on."""
    if not rest:
        return rest
    words = taken.split()
    last = _BY_NAME.get(words[-2]) if len(words) > 1 else None
    if last is None or not last.many:
        raise UsageMistake(
            f"The line of a %%claude cell holds options only, not {rest.split()[0]!r}.",
            fix="Write the prompt under it, or use %claude for a prompt on one line.",
        )
    reading = _Reading(rest, found=found)
    while (word := reading.peek()) is not None:
        if word.startswith("-"):
            _read_options(reading)
            return _trailing_values(rest[reading.at :].strip(), rest[: reading.at], found)
        _store(last, _unquoted(reading.take()), found)
    return ""


def _check(asked: Asked, is_cell: bool) -> None:
    if asked.help:
        return
    if not asked.prompt.strip():
        where = "under the %%claude line" if is_cell else "after %claude"
        raise UsageMistake("The prompt is empty.", fix=f"Write what Claude should do {where}.")
    if asked.schema and not asked.output:
        raise UsageMistake("--json needs -o VAR.", fix="Name the variable that gets the answer.")
    for name in (*asked.inputs, *([asked.output] if asked.output else [])):
        if not name.isidentifier():
            raise UsageMistake(f"{name!r} is not a variable's name.", fix="Use a plain name.")
    if asked.background and asked.output:
        raise UsageMistake(
            "-b and -o don't go together.",
            why="The cell ends before the answer exists.",
            fix="Leave out -b, or read the answer later with %claude_session show.",
        )


def expand(prompt: str, namespace: dict[str, Any]) -> str:
    """Put values in place of `{expr}`; `{{` and `}}` stand for braces.

    Raises
    ------
    UsageMistake
        An expression fails, or a brace is not closed.
    """
    out: list[str] = []
    at = 0
    while at < len(prompt):
        char = prompt[at]
        if prompt[at : at + 2] in ("{{", "}}"):
            out.append(char)
            at += 2
        elif char == "{":
            end = _closing(prompt, at)
            out.append(_evaluate(prompt[at + 1 : end], namespace))
            at = end + 1
        else:
            out.append(char)
            at += 1
    return "".join(out)


def _closing(prompt: str, start: int) -> int:
    depth = 0
    for at in range(start, len(prompt)):
        depth += {"{": 1, "}": -1}.get(prompt[at], 0)
        if depth == 0:
            return at
    raise UsageMistake(
        "A { in the prompt is not closed.", fix="Close it with }, or write {{ for a plain brace."
    )


def _evaluate(expression: str, namespace: dict[str, Any]) -> str:
    try:
        return str(eval(expression, namespace))  # noqa: S307 - the user's own cell
    except Exception as error:
        raise UsageMistake(
            f"{{{expression}}} in the prompt cannot be evaluated.",
            why=f"{type(error).__name__}: {error}",
            fix="Correct it, or write {{ and }} for plain braces.",
        ) from error


def help_text() -> str:
    """Return the help of `%claude` and `%%claude`, made from the options."""
    lines = ["%claude [options] prompt", "%%claude [options] with the prompt under it", ""]
    for option in OPTIONS:
        spelled = ", ".join(option.names) + (f" {option.metavar}" if option.metavar else "")
        lines.append(f"  {spelled:<32} {option.help}")
    lines += [
        "",
        "{expr} in the prompt is replaced by its value; write {{ and }} for plain braces.",
        "A cell that already has its answer shows the stored one; --again asks anew.",
    ]
    return "\n".join(lines)
