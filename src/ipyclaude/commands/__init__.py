"""The subcommands of `%claude_session`: one decorated function each.

Help and completion come from the decorator. To add one: write a function in the room that
it belongs to, decorated with its name, its one line of help and its arguments.
"""

from __future__ import annotations

# Imported in the order in which help lists them.
from . import looking, opening, syncing, sharing, files, rules, lending, signing, linking  # isort: skip
from .registry import COMMANDS, run

__all__ = [
    "COMMANDS",
    "files",
    "lending",
    "linking",
    "looking",
    "opening",
    "rules",
    "run",
    "sharing",
    "signing",
    "syncing",
]
