"""Which cells ran in this kernel, and what they showed; the last of them, in bounded memory.

Begun by `%load_ext`, so nothing heavy is imported here (S8).
"""

from __future__ import annotations

import collections
import json
import re
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..exceptions import IpyClaudeError, TurnStopped
from .capture import READ_CHARS, Captured, Part, capturing, image_of
from .figures import draw, packed

KEPT_CELLS = 200
#: Plots that are kept of them all.
KEPT_PLOTS = 8
#: Cells that ask Claude: the session has them.
_OWN = re.compile(r"^\s*%{1,2}(?:claude|claude_session|(?:re)?load_ext)\b")


@dataclass(frozen=True)
class CellRun:
    """One run of a cell: its number in this kernel, source, output as text, and error."""

    number: int
    source: str
    output: str
    failed: bool
    #: The traceback, if it failed by itself: not by a mistake in asking, or a stop.
    error: str = ""
    execution_count: int | None = None
    cell_id: str | None = None

    @property
    def is_own(self) -> bool:
        """The cell is a question to Claude, or about its sessions."""
        return bool(_OWN.match(self.source))


@dataclass
class Plot:
    """What a cell drew: a picture, or a figure of plotly's, of which one is yet to be made."""

    #: The number of its cell.
    cell: int
    picture: Part | None
    #: As JSON.
    figure: str = ""
    #: Why no picture could be made.
    why: str = ""


async def draw_plots(plots: Sequence[Plot]) -> None:
    """Make pictures of the figures that have none."""
    lacking = [plot for plot in plots if plot.picture is None]
    pictures, why = await draw([json.loads(plot.figure) for plot in lacking])
    for number, plot in enumerate(lacking):
        drawn = {"image/png": pictures[number]} if number < len(pictures) else {}
        plot.picture, plot.why = image_of(drawn), why


def _told_by_us(result: Any) -> bool:
    """Say whether a cell ended with an error that says itself what to do, or was stopped."""
    return isinstance(getattr(result, "error_in_exec", None), (IpyClaudeError, TurnStopped))


class Recorder:
    """Records the user's cells, until it is closed."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cells: collections.deque[CellRun] = collections.deque(maxlen=KEPT_CELLS)
        self._plots: collections.deque[Plot] = collections.deque(maxlen=KEPT_PLOTS)
        self._count = 0
        self._open: tuple[Any, Captured, ExitStack] | None = None
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def close(self) -> None:
        """Record nothing more."""
        self._finish()
        for event, listener in (("pre_run_cell", self._begin), ("post_run_cell", self._end)):
            if listener in self._shell.events.callbacks[event]:
                self._shell.events.unregister(event, listener)

    @property
    def count(self) -> int:
        """How many cells have been recorded so far."""
        return self._count

    def since(self, number: int) -> list[CellRun]:
        """Return the recorded cells after the first `number`, oldest first."""
        return [cell for cell in list(self._cells) if cell.number > number and not cell.is_own]

    def plots(self, number: int) -> list[Plot]:
        """Return the last plots of the cells after the first `number`, oldest first."""
        return [plot for plot in list(self._plots) if plot.cell > number]

    @property
    def last_error(self) -> CellRun | None:
        """The last cell that failed."""
        return next((cell for cell in reversed(list(self._cells)) if cell.error), None)

    def _begin(self, info: Any) -> None:
        # Code that is run for Claude stands in no history, and is not the user's.
        if not info.store_history or threading.current_thread() is not threading.main_thread():
            return
        self._finish()
        stack = ExitStack()
        captured = stack.enter_context(capturing(self._shell))
        self._open = (info, captured, stack)

    def _end(self, result: Any) -> None:
        if self._open is None or (result is not None and result.info is not self._open[0]):
            return
        info, captured, _ = self._open
        self._finish()
        self._count += 1
        failed = result is None or not result.success
        cell = CellRun(
            number=self._count,
            source=info.raw_cell,
            output=captured.text(READ_CHARS),
            failed=failed,
            error=captured.last_error if failed and not _told_by_us(result) else "",
            execution_count=getattr(result, "execution_count", None),
            cell_id=getattr(info, "cell_id", None),
        )
        self._cells.append(cell)
        if not cell.is_own:
            self._keep_plots(cell.number, captured)

    def _keep_plots(self, cell: int, captured: Captured) -> None:
        for picture, figure in captured.plots():
            text = "" if picture else packed(figure)
            if picture or text:
                self._plots.append(Plot(cell, picture, text))

    def _finish(self) -> None:
        if self._open is not None:
            _, _, stack = self._open
            self._open = None
            stack.close()
