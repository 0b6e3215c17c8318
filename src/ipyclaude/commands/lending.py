"""Subcommands about the notebook that is lent to Claude."""

from __future__ import annotations

import argparse

from ..exceptions import UsageMistake
from ..extension import App
from ..notebook.context import tokens
from ..tables import show_text
from .registry import arg, command


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
