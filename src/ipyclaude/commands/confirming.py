"""Asking before something is done that can't be undone."""

from __future__ import annotations

from ..exceptions import UsageMistake
from ..extension import App


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
    return input(question).strip().lower() in ("y", "yes")
