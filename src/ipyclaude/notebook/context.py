"""What goes along with a prompt by itself: cells run since the last turn, variables changed.

Within a budget of tokens, newest first, and without secrets; plots too, where the user wants it.
It is no part of the prompt: the prompt's hash stays that of what the user wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .capture import Part, bounded, picture_tokens
from .masking import mask
from .recording import CellRun, Plot, Recorder, draw_plots

#: Characters of English or Python for a token, roughly; a tokenizer is not to be had offline.
CHARS_PER_TOKEN = 4
SOURCE_CHARS, RUN_CHARS, ERROR_CHARS = 2_000, 2_000, 4_000
#: The share of the budget that cells may take before variables get theirs.
_CELLS_SHARE = 0.75
#: The share that plots may take before texts get theirs.
_PLOTS_SHARE = 0.5
_HEAD = "What happened in the notebook since your last turn. The notebook tells it, not the user."


def tokens(text: str) -> int:
    """Estimate how many tokens a text takes."""
    return -(-len(text) // CHARS_PER_TOKEN)


@dataclass(frozen=True)
class Along:
    """What goes along: a text, and pictures as content parts; both empty if nothing happened."""

    text: str = ""
    pictures: tuple[Part, ...] = ()

    @property
    def tokens(self) -> int:
        """About how many tokens it takes."""
        return tokens(self.text) + sum(map(picture_tokens, self.pictures))


@dataclass
class _Seen:
    """What a session's Claude has been told of."""

    cells: int = 0
    variables: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])


class Context:
    """Makes each session's context; nothing is marked as told before it is taken."""

    def __init__(
        self,
        recorder: Recorder,
        namespace: Mapping[str, Any],
        list_variables: Callable[[], dict[str, tuple[int, str]]],
        budget: int,
        *,
        plots: bool = False,
    ) -> None:
        self._recorder, self._namespace = recorder, namespace
        self._list_variables = list_variables
        self._seen: dict[str, _Seen] = {}
        #: Tokens that it may take; 0 sends none.
        self.budget = budget
        #: Plots go along as pictures, and not by name only.
        self.plots = plots

    async def draw(self, session_id: str) -> None:
        """Make pictures of plotly's figures that may go along; the rest says why it has none."""
        if self.plots and self.budget > 0:
            await draw_plots(self._plots(session_id))

    def look(self, session_id: str) -> Along:
        """Return what would go with the session's next prompt."""
        return self._make(session_id)[0]

    def take(self, session_id: str) -> Along:
        """Return what goes with a prompt now, and take it as told."""
        along, seen = self._make(session_id)
        self._seen[session_id] = seen
        return along

    def _make(self, session_id: str) -> tuple[Along, _Seen]:
        before = self._seen.get(session_id, _Seen())
        now = _Seen(self._recorder.count, self._list_variables())
        if self.budget <= 0:
            return Along(), now
        plots = self._plots(session_id) if self.plots else []
        pictures = self._fitting_pictures(plots)
        room = self.budget - sum(map(picture_tokens, pictures))
        room = room * CHARS_PER_TOKEN - len(_HEAD) - 100
        cells = self._recorder.since(before.cells)
        told = fitting([cell_text(cell) for cell in cells], int(room * _CELLS_SHARE), "cells")
        room -= sum(map(len, told))
        changed = fitting(_changed(before.variables, now.variables), room, "variables")
        text = render(told, changed, sorted({plot.why for plot in plots if plot.why}))
        return Along(mask(text, self._namespace) if text else "", pictures), now

    def _plots(self, session_id: str) -> list[Plot]:
        """Return the plots that the session's Claude has not been told of, oldest first."""
        return self._recorder.plots(self._seen.get(session_id, _Seen()).cells)

    def _fitting_pictures(self, plots: Sequence[Plot]) -> tuple[Part, ...]:
        """Return the last pictures that fit, oldest first."""
        kept: list[Part] = []
        room = self.budget * _PLOTS_SHARE
        for part in [plot.picture for plot in reversed(plots) if plot.picture]:
            room -= picture_tokens(part)
            if room < 0:
                break
            kept.insert(0, part)
        return tuple(kept)


def cell_text(cell: CellRun) -> str:
    """Return a cell with what it showed."""
    number = cell.execution_count if cell.execution_count is not None else " "
    limit = ERROR_CHARS if cell.failed else RUN_CHARS
    parts = [f"[{number}]{' failed' if cell.failed else ''}", bounded(cell.source, SOURCE_CHARS)]
    if cell.output:
        parts += ["output:", bounded(cell.output, limit)]
    return "\n".join(parts)


def fitting(texts: Sequence[str], room: int, what: str) -> list[str]:
    """Return the last texts that fit into `room` characters, and say how many are left out."""
    kept: list[str] = []
    for text in reversed(texts):
        room -= len(text) + 2
        if room < 0:
            break
        kept.insert(0, text)
    left_out = len(texts) - len(kept)
    return [f"({left_out} earlier {what} are left out)", *kept] if left_out else kept


def _changed(before: dict[str, tuple[int, str]], now: dict[str, tuple[int, str]]) -> list[str]:
    lines = [line for name, (key, line) in now.items() if before.get(name) != (key, line)]
    gone = [name for name in before if name not in now]
    return [*([f"deleted: {', '.join(gone)}"] if gone else []), *lines]


def render(cells: Sequence[str], variables: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return the context as the model gets it."""
    if not cells and not variables:
        return ""
    parts = [_HEAD]
    if cells:
        parts += ["Cells run:", *cells]
    if variables:
        parts += ["Variables new or changed:\n" + "\n".join(variables)]
    inner = "\n\n".join([*parts, *notes])
    return f"<notebook-context>\n{inner}\n</notebook-context>"
