"""Subcommands about the notebook that is lent to Claude."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence

from ..exceptions import UsageMistake
from ..extension import App
from ..messages import new_id
from ..notebook.context import tokens
from ..output import Output
from ..protocol import CellChange
from ..session import Session
from ..tables import show_text
from .registry import arg, command

SEEN_SECONDS = 5.0  # how long a page may take to show what will change its cells


@command(
    "context",
    "what of the notebook goes along with the next prompt",
    arg("--budget", type=int, metavar="TOKENS", help="the most that it may take; 0 sends none"),
)
def _context(app: App, args: argparse.Namespace) -> None:
    context = app.notebook.context
    if args.budget is not None:
        if args.budget < 0:
            raise UsageMistake("A budget cannot be negative.", fix="Give 0 to send nothing.")
        context.budget = args.budget
    text = context.look(app.session_for(None).info.client_id)
    if context.budget == 0:
        show_text("Nothing goes along with a prompt: the budget is 0 (context --budget TOKENS).")
    elif not text:
        show_text("Nothing has happened since Claude's last turn: nothing goes along.")
    else:
        show_text(f"About {tokens(text):,} of {context.budget:,} tokens:\n\n{text}")


@command("undo", "take back what Claude's last turn did to the notebook's cells")
def _undo(app: App, _: argparse.Namespace) -> None:
    session = app.session_for(None)
    session.check_free()
    if not app.host.is_kernel:
        raise UsageMistake("Only a notebook has cells.", fix="Use it in JupyterLab or Notebook 7.")
    changes = app.undo.take(session.info.client_id)
    if not changes:
        show_text("No turn has changed a cell, or all of it has been taken back.")
        return
    failed = _take_back(app, session, changes)
    if failed:
        app.undo.put_back(session.info.client_id, changes[-len(failed) :])
    done = len(changes) - len(failed)
    show_text("\n".join([f"{done} of {len(changes)} changes are taken back.", *failed]))


def _take_back(app: App, session: Session, changes: Sequence[CellChange]) -> list[str]:
    """Have the page that shows this cell undo changes; return why the rest is not undone."""
    from ..widget import TurnView

    view = TurnView(app, session, new_id())
    output = Output()
    output.show_widget(view, {"text/plain": "Taking it back…"})

    async def change() -> list[str]:
        with contextlib.suppress(asyncio.TimeoutError):  # then no page claims the change
            await asyncio.wait_for(view.seen.wait(), SEEN_SECONDS)
        for number, each in enumerate(changes):
            done = await view.hands.change(each)
            if done is None or done.error:
                why = done.error if done else "The page lets no widget change its cells."
                return [why, *[""] * (len(changes) - number - 1)]
        return []

    pump = app.host.make_pump()
    try:
        return app.runtime.wait(app.runtime.submit(change()), pump=pump[0] if pump else None)
    finally:
        if pump:
            pump[1]()
        output.replace({"text/plain": ""})
        app.runtime.loop.call_soon_threadsafe(view.retire)
