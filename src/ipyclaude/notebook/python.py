"""`run_python`: Claude's code, run as a cell runs, with its output in the cell and to the model."""

from __future__ import annotations

import asyncio
from typing import Any

from ..engine import Tool, ToolOutput
from ..exceptions import IpyClaudeError
from ..runtime import Interrupted
from .borrowing import Borrower, masked, said
from .capture import Part
from .main_thread import MainThread
from .running import Ran, Watchdog, run_code

DEFAULT_TIMEOUT = 300.0  # seconds
_DESCRIPTION = """\
Run Python in the user's notebook kernel: in their namespace, with their variables and imports, \
as a cell does. IPython's syntax works too (%magics, !commands, await at top level). The user \
sees the output in the notebook; you get text, tracebacks and plots (as images). The value of the \
last expression is shown. Variables that you set stay. Prefer this to Bash and to writing files \
for anything about the user's data. Don't restart the kernel or call exit()."""
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "The code of one cell."},
        "timeout": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": f"Seconds after which it is interrupted ({DEFAULT_TIMEOUT:.0f}).",
        },
    },
    "required": ["code"],
    "additionalProperties": False,
}
_INSTALL = """\
Install Python packages into the environment of the user's kernel with pip. Use it only where an \
import has failed or the user wants a package."""
_PACKAGES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._,\[\]<>=!~-]*$"},
            "description": "Names, with versions where they matter: pandas, numpy>=2.",
        }
    },
    "required": ["packages"],
    "additionalProperties": False,
}
_INSTALL_SECONDS = 900.0
_WAITS = "Claude's code waits: the kernel is busy with a cell."
_STUCK = (
    "It did not stop when it was interrupted: it is inside a call that cannot be interrupted, and "
    "holds the kernel until that returns. Only the user can end it, by restarting the kernel."
)


class RunPython:
    """The tool, for one session."""

    def __init__(self, shell: Any, main: MainThread, borrower: Borrower) -> None:
        self._shell, self._main, self._borrower = shell, main, borrower
        self.tools = (
            Tool("run_python", _DESCRIPTION, _SCHEMA, self._run),
            Tool("install_package", _INSTALL, _PACKAGES, self._install),
        )

    async def _run(self, arguments: dict[str, Any]) -> ToolOutput:
        code, timeout = str(arguments["code"]), float(arguments.get("timeout", DEFAULT_TIMEOUT))
        loop, stuck = asyncio.get_running_loop(), asyncio.Event()
        watchdog = Watchdog(timeout, lambda: void(loop.call_soon_threadsafe(stuck.set)))
        running = asyncio.ensure_future(self._on_main(code, watchdog))
        waiting = asyncio.ensure_future(stuck.wait())
        try:
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            watchdog.stop()  # the turn is being stopped
            running.cancel()
            raise
        finally:
            waiting.cancel()
        if not running.done():
            return said(_STUCK, is_error=True)
        try:
            ran = running.result()
        except IpyClaudeError as error:
            return said(str(error), is_error=True)
        undrawn = await ran.captured.draw()
        return await masked(_output(ran, timeout, undrawn), self._shell.user_ns)

    async def _install(self, arguments: dict[str, Any]) -> ToolOutput:
        # The pattern lets no option and no address through.
        names = " ".join(f'"{name}"' for name in arguments["packages"])
        return await self._run(
            {"code": f"%pip install --no-input {names}", "timeout": _INSTALL_SECONDS}
        )

    async def _on_main(self, code: str, watchdog: Watchdog) -> Ran:
        seen: list[Ran] = []

        def job() -> None:
            if watchdog.stopped:
                return  # while it waited for the kernel
            ran = run_code(self._shell, code, watchdog)
            seen.append(ran)
            if ran.interrupted and not watchdog.fired:
                raise KeyboardInterrupt  # by the user: the turn stops as well

        borrower = self._borrower
        try:
            await self._main.do(
                job, parent=borrower.parent(), on_wait=lambda: borrower.tell(_WAITS, "")
            )
        except Interrupted:
            await borrower.stop()
        return seen[0]


def _output(ran: Ran, timeout: float, undrawn: str) -> ToolOutput:
    notes = [undrawn] if undrawn else list[str]()
    if ran.timed_out:
        notes.append(f"It was interrupted after {timeout:g} s, its time-out.")
    elif ran.interrupted:
        notes.append("It was interrupted by the user.")
    content: list[Part] = ran.captured.content()
    if not content and not notes:
        notes.append("Done; nothing was shown.")
    content += [{"type": "text", "text": note} for note in notes]
    return ToolOutput(tuple(content), is_error=ran.captured.failed or ran.interrupted)


def void(_: object) -> None:
    """Drop a result that nobody needs."""
