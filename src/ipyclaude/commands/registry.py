"""How a subcommand of `%claude_session` is declared, found and read."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from ..exceptions import UsageMistake
from ..extension import App
from ..messages import SessionInfo

_Run = Callable[[App, argparse.Namespace], None]
_Arg = tuple[tuple[str, ...], dict[str, Any]]


def arg(*names: str, **options: Any) -> _Arg:
    """Declare an argument, as argparse's `add_argument` takes it."""
    return names, options


@dataclass(frozen=True)
class Command:
    """A subcommand: its name, help, parser, and what runs it."""

    name: str
    help: str
    args: tuple[_Arg, ...]
    run: _Run
    takes_session: bool

    def parser(self) -> _Parser:
        """Build the parser of this command's arguments."""
        parser = _Parser(prog=f"%claude_session {self.name}", description=self.help, add_help=False)
        for names, options in self.args:
            parser.add_argument(*names, **options)
        return parser

    @property
    def options(self) -> list[str]:
        """The command's options, for completion."""
        return [name for names, _ in self.args for name in names if name.startswith("-")]

    @property
    def usage(self) -> str:
        """The command with its arguments, in a line."""
        text = self.parser().format_usage().removeprefix("usage: %claude_session ")
        return " ".join(text.split())


def count(text: str) -> int:
    """Read a whole number of at least 1; an argument's `type`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        raise UsageMistake(f"{message[:1].upper()}{message[1:]}.", fix=f"Use: {usage}")


COMMANDS: dict[str, Command] = {}


def command(
    name: str, text: str, *args: _Arg, alias: str = "", session: bool = False
) -> Callable[[_Run], _Run]:
    """Register a function as a subcommand; `session` says that it takes a session's name."""

    def register(run: _Run) -> _Run:
        for spelled in (name, alias) if alias else (name,):
            COMMANDS[spelled] = Command(spelled, text, args, run, session)
        return run

    return register


def chosen(app: App, name: str | None) -> SessionInfo:
    """Return the session that a subcommand is about: the named one, else the current one."""
    return app.sessions.find(name) if name else app.sessions.for_cell(None).refresh()


def whole(app: App, info: SessionInfo) -> SessionInfo:
    """Return a session with all that was said in it here, if that can be had."""
    if app.sync is None or info.local:
        return info
    session = app.sessions.attach(info)
    app.complete(session)
    return session.refresh()


def my_name(app: App) -> str:
    """Return what the server calls this machine's person; empty where it was not asked."""
    return app.sync.replica.name if app.sync is not None else ""


def run(app: App, line: str) -> None:
    """Run `%claude_session LINE`.

    Raises
    ------
    UsageMistake
        An unknown subcommand or argument; it says what is right.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageMistake(
            "The line cannot be read.", why=f"{error}.", fix="Close the quote."
        ) from error
    name = words[0] if words else "status"
    found = COMMANDS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageMistake(
            f"There is no subcommand {name!r}.", fix=f"{hint}See %claude_session help."
        )
    found.run(app, found.parser().parse_args(words[1:]))
