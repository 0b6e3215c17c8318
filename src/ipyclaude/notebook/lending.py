"""The notebook lent to Claude: tools that run and read it, offered by the MCP server `notebook`.

Claude's code runs where the user's does: on the main thread, in the user's namespace, with its
output in the cell that asked. What runs or changes something asks first (S12).
"""

from __future__ import annotations

from ..engine import Tool
from ..host import Host
from ..runtime import Runtime
from .borrowing import Borrower
from .context import Context
from .editing import Editing
from .main_thread import MainThread
from .python import RunPython
from .reading import Reading
from .recording import Recorder
from .variables import Variables, snapshot

SERVER = "notebook"
#: Tools that only look, by the rules that let them run unasked.
UNASKED = tuple(
    f"mcp__{SERVER}__{name}"
    for name in ("list_variables", "inspect_variable", "read_notebook", "read_output")
)


class Notebook:
    """What one kernel lends."""

    def __init__(
        self,
        runtime: Runtime,
        host: Host,
        recorder: Recorder,
        *,
        budget: int,
        plots: bool = False,
    ) -> None:
        self._host, self._runtime = host, runtime
        self._main = MainThread(runtime, host)
        shell = host.shell
        self.recorder = recorder
        self.context = Context(
            recorder, shell.user_ns, lambda: snapshot(shell), budget, plots=plots
        )

    def tools(self, borrower: Borrower) -> tuple[Tool, ...]:
        """Return the tools for one session."""
        given = (self._host.shell, self._main, borrower)
        reading = Reading(self._host, self.recorder)
        editing = Editing(*given, self._runtime)
        mine = (RunPython(*given), Variables(*given), reading, editing)
        return tuple(tool for room in mine for tool in room.tools)


__all__ = ["SERVER", "UNASKED", "Borrower", "Notebook"]
