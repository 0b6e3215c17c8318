"""The to-do list that an imported conversation ends with."""

from __future__ import annotations

import importlib
from typing import Any

from .messages import Message, Todo, TodoList, ToolResultBlock, ToolUseBlock


class Todos:
    """Folds messages into a to-do list, by the engine's own rules."""

    def __init__(self) -> None:
        self._fold: Any = None
        try:
            self._fold = importlib.import_module("ipyclaude.engine.todos").TodoFold()
        except ModuleNotFoundError:  # the engine's fold is not here yet: no to-dos then
            pass
        self._todos: tuple[Todo, ...] = ()

    def message(self, message: Message) -> bool:
        """Read a message; tell whether the list changed."""
        before = self._todos
        for block in message.content if self._fold else ():
            if isinstance(block, ToolUseBlock):
                self._note(self._fold.use(block, message.parent_tool_use_id))
            elif isinstance(block, ToolResultBlock):
                self._note(self._fold.result(block, message.parent_tool_use_id))
        return self._todos != before

    def list(self, session_id: str) -> TodoList:
        """Return the list as it now stands."""
        return TodoList(client_id=session_id, session_id=session_id, todos=self._todos)

    def _note(self, todos: Any) -> None:
        if todos is not None:
            self._todos = tuple(todos)
