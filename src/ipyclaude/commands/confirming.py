"""Asking before something is done that can't be undone."""

from __future__ import annotations

from ..exceptions import UsageMistake
from ..extension import App
from ..seen import on_one_line


def ask(question: str) -> str:
    """Ask for a line; a name of others' in the question can't write over it (S11)."""
    return input(on_one_line(question)).strip()


def confirmed(app: App, question: str, *, yes: bool) -> bool:
    """Say whether the person agrees; `yes` spares the question.

    Raises
    ------
    UsageMistake
        Nobody is here to ask.
    """
    if yes:
        return True
    if not app.host.can_ask:
        raise UsageMistake("Nobody is here to confirm.", fix="Add --yes.")
    return ask(question).lower() in ("y", "yes")
