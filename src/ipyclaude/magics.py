"""`%claude`, `%%claude` and `%claude_session`: lines in, calls out.

Imported by `%load_ext`, so nothing heavy is imported here (S8): the first use does that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)

from .notebook.recording import Recorder
from .options import OPTIONS, help_text, parse

if TYPE_CHECKING:
    from .asking import Asking
    from .extension import App
    from .identity.sign_in import SignIns

_loaded: ClaudeMagics | None = None
_QUESTION = re.compile(r"^(?P<indent>\s*)%claude[ \t]+(?P<prompt>[^?\s].*\?)[ \t]*(?P<end>\n?)$")

_BARE_CELL = re.compile(r"%%claude(\s|$)")


@magics_class
class ClaudeMagics(Magics):
    """The magics, and the app behind them once it is used."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.recorder = Recorder(shell)
        self.app: App | None = None
        self._asking: Asking | None = None
        self._sign_ins: SignIns | None = None

    def open(self) -> App:
        """Return the app, started if need be; that of who is signed in now."""
        if self.app is None:
            from .moving import opened

            self._use(opened(self.shell, self.recorder, self._sign_ins))
        assert self.app is not None
        self.settle(self.app)
        return self.app

    def settle(self, app: App) -> None:
        """Go over to the sessions of who is signed in now, where these are somebody else's.

        Raises
        ------
        SessionBusy
            Claude still works for who was before.
        """
        app.homes.ask()
        if app is not self.app or not app.homes.away:
            return
        from .moving import leave

        leave(app)
        # Whatever keeps theirs from being opened now: a later cell tries again.
        self.app = self._asking = None
        self.open()

    def _use(self, app: App) -> None:
        from .moving import when_away

        self.app, self._asking, self._sign_ins = app, None, app.sign_ins
        when_away(app, self.settle)

    # A prompt's own braces and dollar signs are its own: `options.expand` deals with them.
    @no_var_expand
    @line_cell_magic
    def claude(self, line: str, cell: str | None = None) -> None:
        """Ask Claude (the options are listed by %%claude --help)."""
        asked = parse(line, cell)
        if asked.help:
            print(help_text())  # noqa: T201 - the help itself
            return
        app = self.open()
        if self._asking is None:
            from .asking import Asking

            self._asking = Asking(app)
        self._asking.run(asked)

    @no_var_expand
    @line_magic
    def claude_session(self, line: str) -> None:
        """Manage sessions: list, new, open, show, search, fork, export… (%claude_session help)."""
        from . import commands

        app = self.open()
        commands.run(app, line)
        self.settle(app)

    def close(self) -> None:
        """Close the app, if there is one."""
        app, self.app = self.app, None
        self._asking = None
        self.recorder.close()
        if app is not None:
            app.close()


# The docstring is what `%%claude?` shows.
ClaudeMagics.claude.__doc__ = f"Ask Claude.\n\n{help_text()}"


def complete(line: str, session_names: list[str], commands: list[str]) -> list[str]:
    """Return completions of the last word of a `%claude…` line."""
    words = line.split(" ")
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    choices = {name: option.choices for option in OPTIONS for name in option.names}
    pool: Sequence[str]
    if words[0].lstrip("%") == "claude_session":
        pool = commands if len(words) <= 2 else session_names
    elif before in ("-s", "--session"):
        pool = session_names
    elif last.startswith("-"):
        pool = list(choices)
    else:
        pool = choices.get(before, ())
    return [word for word in pool if word.startswith(last)]


def keep_prompts(lines: list[str]) -> list[str]:
    """Keep what is Claude's out of IPython's own reading.

    `%claude … ?` stays a prompt: IPython would look up the last word's help. And a cell with
    nothing under `%%claude` is refused in our words, or shows the options: IPython would
    refuse it as an empty one.
    """
    if lines and lines[0].startswith("%%"):
        bare = len(lines) == 1 and _BARE_CELL.match(lines[0])
        return [lines[0].rstrip("\n") + "\n", "\n"] if bare else lines
    return [_QUESTION.sub(_as_call, line) for line in lines]


# Or a terminal would take the first line of a cell as the whole of it: IPython leaves such
# transformers out when it asks whether a cell is complete.
keep_prompts.has_side_effects = True  # pyright: ignore[reportFunctionMemberAccess]


def _as_call(match: re.Match[str]) -> str:
    call = f"get_ipython().run_line_magic('claude', {match['prompt']!r})"
    return f"{match['indent']}{call}{match['end']}"


def _completer(_: object, event: Any) -> list[str]:
    from .commands import COMMANDS

    words = event.line.split(" ")
    names: list[str] = []
    if words[0] != "%claude_session":
        names = _session_names() if words[-2:-1] and words[-2] in ("-s", "--session") else []
    elif len(words) > 2 and (known := COMMANDS.get(words[1])) is not None:
        names = known.options
        if known.takes_session and not words[-1].startswith("-"):
            names = ["last", *_session_names()]
    return complete(event.line, names, list(COMMANDS))


def _session_names() -> list[str]:
    if _loaded is None:
        return []
    # A Tab is a use: what is stored is known from the first one on.
    found = _loaded.open().store.sessions(limit=200)
    return [f'"{info.name}"' if " " in info.name else info.name for info in found]


def register(ipython: Any) -> None:
    """Register the magics and their completion."""
    global _loaded
    if _loaded is not None:
        unregister(ipython)
    _loaded = ClaudeMagics(ipython)
    ipython.register_magics(_loaded)
    ipython.input_transformers_cleanup.append(keep_prompts)
    for key in ("%claude", "%%claude", "%claude_session", "claude_session"):
        ipython.set_hook("complete_command", _completer, str_key=key)


def unregister(ipython: Any) -> None:
    """Close everything and forget the magics."""
    global _loaded
    magics, _loaded = _loaded, None
    if keep_prompts in ipython.input_transformers_cleanup:
        ipython.input_transformers_cleanup.remove(keep_prompts)
    for kind in ("line", "cell"):
        for name in ("claude", "claude_session"):
            ipython.magics_manager.magics[kind].pop(name, None)
    if magics is not None:
        magics.close()
