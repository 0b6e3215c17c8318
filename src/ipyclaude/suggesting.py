"""What the composer offers while one writes: Claude's commands, files, variables."""

from __future__ import annotations

import os
import textwrap
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .engine import SlashCommand
from .notebook.recording import CellRun
from .results import Suggestion

MOST = 30
#: Cells and variables offered, so that files are seen too.
_FEW = 10
#: What is said of a suggestion is no longer than this (characters).
_DETAIL = 120
#: Files looked at in a working folder; more would keep a person waiting.
_FILES = 20_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "dist", "build"})


def commands(known: Sequence[SlashCommand], query: str) -> list[Suggestion]:
    """Return the CLI's own commands that match, with what it says of them."""
    found = [
        Suggestion(
            kind="command",
            insert=f"/{each.name} ",
            label=f"/{each.name}",
            detail=_in_short(f"{each.hint} {each.description}") or "Claude Code",
        )
        for each in known
    ]
    return _best(found, query)


def _first_line(source: str) -> str:
    return _in_short(source.strip().partition("\n")[0])


def _in_short(text: str) -> str:
    return textwrap.shorten(text, _DETAIL, placeholder="…")


def mentions(
    folder: str, namespace: Mapping[str, Any], query: str, cells: Sequence[CellRun] = ()
) -> list[Suggestion]:
    """Return what matches: cells that ran, variables, files."""
    found = [
        *_best(_cells(cells), query)[:_FEW],
        *_best(list(_variables(namespace)), query)[:_FEW],
        *_best(list(_files(folder)), query),
    ]
    return found[:MOST]


def _cells(cells: Sequence[CellRun]) -> list[Suggestion]:
    """Return the cells, the last run first; Claude finds them by their counts."""
    return [
        Suggestion(
            kind="cell",
            insert=f"cell [{cell.execution_count}] ",
            label=f"[{cell.execution_count}] {_first_line(cell.source)}",
            detail="failed" if cell.failed else "cell",
        )
        for cell in reversed(cells)
    ]


def _variables(namespace: Mapping[str, Any]) -> Iterator[Suggestion]:
    # Only names and types: to look at a value could run code of the user's on our thread.
    for name, value in list(namespace.items()):
        if name.startswith("_") or isinstance(value, types.ModuleType) or name in _IPYTHON:
            continue
        kind = type(value).__name__
        yield Suggestion(kind="variable", insert=f"`{name}` ", label=name, detail=kind)


#: Names that every IPython namespace holds.
_IPYTHON = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


def _files(folder: str) -> Iterator[Suggestion]:
    left = _FILES
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED)
        for name in sorted(names):
            left -= 1
            if left < 0:
                return
            if name.startswith("."):
                continue
            path = Path(where, name).relative_to(folder).as_posix()
            yield Suggestion(kind="file", insert=f"@{path} ", label=path)


def _best(all_of_them: list[Suggestion], query: str) -> list[Suggestion]:
    """Return those that hold the query's letters, the nearest to its wording first."""
    wanted = query.casefold()
    ranked = [(rank, each) for each in all_of_them if (rank := _rank(each.label, wanted)) < _NEVER]
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])][:MOST]


_NEVER = 9


def _rank(label: str, wanted: str) -> int:
    text = label.casefold().lstrip("/")
    name = text.rpartition("/")[2]
    if not wanted or name.startswith(wanted):
        return 0
    if wanted in name:
        return 1
    if wanted in text:
        return 2
    letters = iter(text)
    return 3 if all(letter in letters for letter in wanted) else _NEVER
