"""Subcommands about the notebook that is lent to Claude."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence

from ..checkpoints import Kept
from ..exceptions import UsageMistake
from ..extension import App
from ..messages import new_id
from ..output import Output, show
from ..protocol import CellChange
from ..session import Session
from ..tables import show_text
from .registry import arg, command

SEEN_SECONDS = 5.0  # how long a page may take to show what will change its cells


@command(
    "context",
    "what of the notebook goes along with the next prompt",
    arg("--budget", type=int, metavar="TOKENS", help="the most that it may take; 0 sends none"),
    arg("--plots", choices=("on", "off"), help="whether plots go along, as pictures"),
)
def _context(app: App, args: argparse.Namespace) -> None:
    context = app.notebook.context
    if args.budget is not None:
        if args.budget < 0:
            raise UsageMistake("A budget cannot be negative.", fix="Give 0 to send nothing.")
        context.budget = args.budget
    if args.plots is not None:
        context.plots = args.plots == "on"
    session_id = app.sessions.for_cell(None).info.client_id
    app.runtime.wait(app.runtime.submit(context.draw(session_id)))
    along = context.look(session_id)
    if context.budget == 0:
        show_text("Nothing goes along with a prompt: the budget is 0 (context --budget TOKENS).")
    elif not along.text:
        show_text("Nothing has happened since Claude's last turn: nothing goes along.")
    else:
        show_text(f"About {along.tokens:,} of {context.budget:,} tokens:\n\n{along.text}")
        for picture in along.pictures:
            show({picture["mimeType"]: picture["data"], "text/plain": "[a plot goes along]"})


@command(
    "undo",
    "take back what Claude's last turn did to cells and files",
    arg("--force", action="store_true", help="files too that were changed since"),
)
def _undo(app: App, args: argparse.Namespace) -> None:
    session = app.sessions.for_cell(None)
    session.check_free()
    session_id, checkpoints = session.info.client_id, app.checkpoints
    turn = checkpoints.last(session_id)
    if not turn:
        show_text("No turn has changed a cell or a file, or all of it has been taken back.")
        return
    files, changes = checkpoints.changed(session_id, turn), checkpoints.cells(session_id, turn)
    told, left = _put_back(files, force=args.force)
    failed = _take_back(app, session, changes) if changes else []
    done = len(changes) - len(failed)
    if changes:
        told += [f"{done} of {len(changes)} changes of cells are taken back.", *failed]
    checkpoints.leave(session_id, turn, left, changes[done:])
    show_text("\n".join(filter(None, told)))


def _put_back(files: Sequence[Kept], *, force: bool) -> tuple[list[str], list[Kept]]:
    """Make files what they were; return what to say of each, and those that are left."""
    told: list[str] = []
    left: list[Kept] = []
    for kept in files:
        try:
            words, is_left = _put_one_back(kept, force=force)
        except OSError as error:
            words, is_left = f"{kept.path} cannot be put back: {error.strerror}.", True
        told.append(words)
        if is_left:
            left.append(kept)
    return told, left


def _put_one_back(kept: Kept, *, force: bool) -> tuple[str, bool]:
    if kept.missing:
        why = f"no copy was kept, as {kept.missing}. Look in your version control."
        return f"{kept.path} stays as it is: {why}", False
    if not kept.stands and not force:
        why = "it was changed after the turn (undo --force puts it back all the same)"
        return f"{kept.path} stays as it is: {why}.", True
    kept.put_back()
    done = "is as it was before the turn" if kept.copy else "is gone again: the turn had made it"
    return f"{kept.path} {done}.", False


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
