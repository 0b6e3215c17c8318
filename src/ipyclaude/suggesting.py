"""What the composer offers while one writes: Claude's commands, files, variables."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .requests import Suggestion

MOST = 30
#: Files looked at in a working folder; more would keep a person waiting.
_FILES = 20_000
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "dist", "build"})


def commands(names: Sequence[str], query: str) -> list[Suggestion]:
    """Return the CLI's own commands that match."""
    found = [
        Suggestion(kind="command", insert=f"/{name} ", label=f"/{name}", detail="Claude Code")
        for name in names
    ]
    return _best(found, query)


def mentions(folder: str, namespace: Mapping[str, Any], query: str) -> list[Suggestion]:
    """Return variables and files that match, variables first."""
    return [*_best(list(_variables(namespace)), query)[:10], *_best(list(_files(folder)), query)][
        :MOST
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
