"""`list_variables` and `inspect_variable`: what the user's namespace holds."""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..engine import Tool, ToolOutput
from ..exceptions import IpyClaudeError
from ..runtime import Interrupted
from .borrowing import Borrower, masked, said
from .capture import image_of
from .describing import brief, describe, kind_of, size_of
from .figures import draw, figure_of, figure_text
from .main_thread import MainThread
from .running import Watchdog

#: Seconds that looking may take: a user's `repr` may hang.
LOOK_SECONDS = 5.0
MAX_VARIABLES = 200
_PLAIN = (bool, int, float, complex, str, type(None))
_LIST = "List the variables of the user's notebook: name, type, shape or length, small values."
_INSPECT = """\
Look closely at one variable of the user's notebook: type, shape, dtype; a table's columns with \
dtypes and missing values and its head; an array's range; a figure's picture; a model's \
parameters; signature, documentation and source of a function, class or module (a dotted name \
such as pd.merge works for those). Changes nothing."""
_NAME: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "description": "The variable's name."}},
    "required": ["name"],
    "additionalProperties": False,
}
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def users_names(shell: Any) -> list[str]:
    """Return the names that the user made, in the order in which they were made."""
    hidden: dict[str, Any] = shell.user_ns_hidden
    # A copy: a thread of the user's may be adding to it.
    return [
        name
        for name, value in dict(shell.user_ns).items()
        if not name.startswith("_") and (name not in hidden or hidden[name] is not value)
    ]


def line_of(name: str, value: Any) -> str:
    """Return a variable in a line."""
    text = f"{name}: {kind_of(value)}"
    if isinstance(value, _PLAIN):
        return f"{text} = {brief(value, 80)}"
    size = size_of(value)
    return f"{text}, {size}" if size else text


def snapshot(shell: Any) -> dict[str, tuple[int, str]]:
    """Return each variable's identity and its line, to see what changes; without modules."""
    namespace: dict[str, Any] = dict(shell.user_ns)
    return {
        name: (id(namespace[name]), line_of(name, namespace[name]))
        for name in users_names(shell)[-MAX_VARIABLES:]
        if name in namespace and not isinstance(namespace[name], types.ModuleType)
    }


class Variables:
    """The tools, for one session."""

    def __init__(self, shell: Any, main: MainThread, borrower: Borrower) -> None:
        self._shell, self._main, self._borrower = shell, main, borrower
        self.tools = (
            Tool("list_variables", _LIST, _NOTHING, self._list, read_only=True),
            Tool("inspect_variable", _INSPECT, _NAME, self._inspect, read_only=True),
        )

    async def _list(self, arguments: dict[str, Any]) -> ToolOutput:
        del arguments
        return await self._look(lambda: said(self._listed()))

    def _listed(self) -> str:
        namespace: dict[str, Any] = self._shell.user_ns
        names = users_names(self._shell)
        modules = [n for n in names if isinstance(namespace.get(n), types.ModuleType)]
        others = [n for n in names if n in namespace and n not in modules]
        lines = [line_of(name, namespace[name]) for name in others[:MAX_VARIABLES]]
        if len(others) > MAX_VARIABLES:
            lines.append(f"… {len(others) - MAX_VARIABLES} more")
        if modules:
            lines.append(f"modules: {', '.join(modules)}")
        return "\n".join(lines) or "There are no variables yet."

    async def _inspect(self, arguments: dict[str, Any]) -> ToolOutput:
        figures: list[Any] = []
        told = await self._look(lambda: self._inspected(str(arguments["name"]), figures))
        pictures, undrawn = await draw(figures)
        shown = [{"type": "image", "data": each, "mimeType": "image/png"} for each in pictures]
        words = said(undrawn).content if undrawn else ()
        return replace(told, content=(*told.content, *shown, *words))

    def _inspected(self, name: str, figures: list[Any]) -> ToolOutput:
        value = find(self._shell, name)
        figure = figure_of(value)
        if figure is not None:
            figures.append(figure)
            return said(f"{name}: {kind_of(value)}, {figure_text(figure)}")
        told = said(f"{name}: {describe(value)}")
        picture = picture_of(self._shell, value)
        return ToolOutput((*told.content, picture)) if picture else told

    async def _look(self, job: Callable[[], ToolOutput]) -> ToolOutput:
        """Look on the main thread, where the user's classes may be used, for a bounded time."""
        watchdog = Watchdog(LOOK_SECONDS)
        found: list[ToolOutput] = []

        def look() -> None:
            try:
                with watchdog.watching():
                    found.append(job())
            except LookupError as error:
                found.append(said(str(error), is_error=True))
            except KeyboardInterrupt:
                if not watchdog.fired:
                    raise
                found.append(
                    said(f"Looking at it took more than {LOOK_SECONDS:g} s.", is_error=True)
                )

        try:
            await self._main.do(look, parent=self._borrower.parent())
        except Interrupted:
            await self._borrower.stop()
            return said("The user interrupted it.", is_error=True)
        except (IpyClaudeError, LookupError) as error:
            return said(
                str(error.args[0] if isinstance(error, LookupError) else error), is_error=True
            )
        return await masked(found[0], self._shell.user_ns)


def find(shell: Any, name: str) -> Any:
    """Return a variable, or what a dotted name finds in modules and classes.

    Raises
    ------
    LookupError
        There is none; it names those that are spelled like it.
    """
    first, *rest = name.strip().split(".")
    namespace: dict[str, Any] = shell.user_ns
    if first not in namespace:
        near = difflib.get_close_matches(first, users_names(shell), n=3)
        hint = f" There is {', '.join(near)}." if near else ""
        raise LookupError(f"There is no variable {first!r}.{hint}")
    value: Any = namespace[first]
    for part in rest:
        if not isinstance(value, types.ModuleType | type):
            raise LookupError(f"{name!r}: use run_python to look at what an object holds.")
        if not hasattr(value, part):
            raise LookupError(f"{first!r} has no {part!r}.")
        value = getattr(value, part)
    return value


def picture_of(shell: Any, value: Any) -> dict[str, Any] | None:
    """Return a value's picture, if it is one to look at."""
    if isinstance(value, (*_PLAIN, type, types.ModuleType)):
        return None
    data, _ = shell.display_formatter.format(value, include={"image/png", "image/jpeg"})
    return image_of(data)
