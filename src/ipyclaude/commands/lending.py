"""Subcommands about the notebook that is lent to Claude."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Sequence

from ..exceptions import UsageMistake
from ..extension import App
from ..messages import ToolUseBlock, new_id
from ..notebook.context import tokens
from ..output import Output
from ..protocol import CellChange
from ..session import Session
from ..tables import show_text
from .registry import arg, command

FILE_TOOLS = frozenset({"Edit", "MultiEdit", "NotebookEdit", "Write"})
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


@command("undo", "take back what Claude's last turn did to cells and files")
def _undo(app: App, _: argparse.Namespace) -> None:
    session = app.session_for(None)
    session.check_free()
    session_id = session.info.client_id
    cells_turn, files_turn = app.undo.last(session_id), _last_files_turn(app, session_id)
    # Ids of turns sort by time.
    turn = max(cells_turn, files_turn)
    if not turn:
        show_text("No turn has changed a cell or a file, or all of it has been taken back.")
        return
    told: list[str] = []
    if files_turn == turn:
        app.runtime.run(session.rewind(turn))
        app.undo.rewound.add(turn)
        told.append("Files are as they were before the turn.")
    if cells_turn == turn:
        told += _undo_cells(app, session, turn)
    show_text("\n".join(told))


def _last_files_turn(app: App, session_id: str) -> str:
    """Return the id of the last turn whose file tools have not been undone; empty if none."""
    for message in reversed(app.store.messages(session_id, limit=1000).messages):
        names = {block.name for block in message.content if isinstance(block, ToolUseBlock)}
        if names & FILE_TOOLS and message.turn_id not in app.undo.rewound:
            return message.turn_id
    return ""


def _undo_cells(app: App, session: Session, turn: str) -> list[str]:
    session_id = session.info.client_id
    changes = app.undo.take(session_id)
    failed = _take_back(app, session, changes)
    if failed:
        app.undo.put_back(session_id, turn, changes[-len(failed) :])
    done = len(changes) - len(failed)
    return [f"{done} of {len(changes)} changes of cells are taken back.", *failed]


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
