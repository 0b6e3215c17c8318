"""The live view of a cell's turn: made once Claude was asked, gone once the cell is over.

Both wait, as a page has more pressing things to do: the first moments of a turn belong to
Claude's process, which has to read the prompt, and the last ones to JupyterLab, which has to
show that the cell is over. On a machine with few cores the three share them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING

from . import protocol as p
from . import requests as r
from .extension import App
from .hands import CLAIM_SECONDS
from .output import Output
from .session import Session

if TYPE_CHECKING:
    from .widget import TurnView

#: Seconds that Claude's process has for itself; a person sees no difference.
SHOW_SECONDS = 0.1
#: Seconds in which the page hears of the cell's end, before it hears of the view's.
RETIRE_SECONDS = 0.3
_WORKING = (
    "<p><em>Claude was working on this when the notebook was saved. The answer is in the session: "
    "<code>%claude_session show</code>.</em></p>"
)


def show_view(view: TurnView, output: Output) -> None:
    """Display the view, with what stands for it in a notebook that is saved meanwhile."""
    output.show_widget(view, {"text/html": _WORKING, "text/plain": "Claude is working…"})


class CellView:
    """Shows a turn in its cell while the main thread waits for it (made on the main thread)."""

    def __init__(self, app: App, session: Session, turn_id: str, output: Output) -> None:
        self._app, self._session, self._turn_id = app, session, turn_id
        self._output = output
        self._made: Future[TurnView] = Future()
        self._over = False
        self._failed: Exception | None = None
        app.runtime.submit(self._appear())

    async def seen(self) -> None:
        """Wait until a page shows the view."""
        await (await self._view()).seen.wait()

    async def change_cells(self, change: p.CellChange) -> r.Changed | None:
        """Have a page that shows the view change the notebook's cells; None if none can."""
        try:
            view = await asyncio.wait_for(self._view(), CLAIM_SECONDS)
        except asyncio.TimeoutError:
            return None
        return await view.hands.change(change)

    def check(self) -> None:
        """Raise why there was nothing to see, if there was not."""
        if self._failed is not None:
            raise self._failed

    def end(self) -> None:
        """Show it no longer (main thread)."""
        self._over = True
        if self._made.cancel():
            return
        view = self._made.result()
        if self._app.runtime.closed:  # by the turn's own code
            view.retire()
        else:
            self._app.runtime.submit(self._retire(view))

    async def _view(self) -> TurnView:
        return await asyncio.shield(asyncio.wrap_future(self._made))

    async def _appear(self) -> None:
        await asyncio.sleep(SHOW_SECONDS)
        self._app.runtime.call_main(self._show)

    def _show(self) -> None:
        if self._over:
            return  # the turn was over, or refused, before there was anything to see
        try:
            from .widget import turn_view

            view = turn_view(self._app, self._session, self._turn_id)
            self._made.set_result(view)
            show_view(view, self._output)
        except Exception as error:  # noqa: BLE001 - raised once the turn, which goes on, is over
            self._failed = error

    async def _retire(self, view: TurnView) -> None:
        try:
            await asyncio.sleep(RETIRE_SECONDS)
        finally:  # at once where the extension is unloaded
            view.retire()
