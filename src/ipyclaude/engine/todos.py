"""Claude's to-do tools, both families, folded into one list.

`TodoWrite` replaces its agent's whole list. `TaskCreate` gets an id in its result ("Task #1
created successfully: …", CLI 2.1.330), by which `TaskUpdate` patches it. A subagent's items
stand under the tool call that started it. What was done and is no longer on the list stays as
its history, the last hundred of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from ..messages import PAST, Todo, TodoStatus, ToolResultBlock, ToolUseBlock

TODO_TOOLS = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate"})
_CREATED = re.compile(r"Task #(\S+) created")
#: So much of what was done before is kept.
_MOST_PAST = 100
_STATUSES = frozenset(get_args(TodoStatus))


class TodoFold:
    """The list as it stands; feed it every tool call and every tool result, in order."""

    def __init__(self, todos: Iterable[Todo] = ()) -> None:
        self._todos: dict[str, Todo] = {todo.key: todo for todo in todos}
        self._pending: dict[str, tuple[ToolUseBlock, str | None]] = {}

    @property
    def todos(self) -> tuple[Todo, ...]:
        """All items: the main agent's first, then each subagent's, then what was done before."""
        items = list(self._todos.values())
        past = [todo for todo in items if todo.past]
        main = [todo for todo in items if todo.parent_tool_use_id is None and not todo.past]
        subagents = [todo for todo in items if todo not in main and not todo.past]
        return (*main, *subagents, *past)

    def use(self, block: ToolUseBlock, parent: str | None = None) -> bool:
        """Take in a tool call; say whether the list changed."""
        if block.name == "TodoWrite":
            return self._replace(block.input.get("todos"), parent)
        if block.name in TODO_TOOLS:
            self._pending[block.id] = (block, parent)
        return False

    def result(self, block: ToolResultBlock) -> bool:
        """Take in a tool's result; say whether the list changed."""
        use, parent = self._pending.pop(block.tool_use_id, (None, None))
        if use is None or block.is_error:
            return False
        if use.name == "TaskCreate":
            return self._create(use.input, _text(block.content), parent)
        return self._update(use.input)

    def _replace(self, items: object, parent: str | None) -> bool:
        if not isinstance(items, list):
            return False
        before = dict(self._todos)
        old = [todo for key, todo in before.items() if _is_written(key, todo, parent)]
        for todo in old:
            del self._todos[todo.key]
        for index, item in enumerate(items):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if isinstance(item, Mapping):
                key = f"{parent or 'main'}/{index}"
                self._todos[key] = _todo(key, item, parent)  # pyright: ignore[reportUnknownArgumentType]
        listed = {todo.content for todo in self._todos.values()}
        self._keep(todo for todo in old if todo.content not in listed)
        return self._todos != before

    def _keep(self, gone: Iterable[Todo]) -> None:
        """Let what was done be history, once it is off the list."""
        done = [todo for todo in gone if todo.status == "completed"]
        past = [*(todo for todo in self._todos.values() if todo.past), *done][-_MOST_PAST:]
        rest = {key: todo for key, todo in self._todos.items() if not todo.past}
        numbered = {f"{PAST}{n}": todo for n, todo in enumerate(past)}
        kept = {key: todo.model_copy(update={"key": key}) for key, todo in numbered.items()}
        self._todos = {**rest, **kept}

    def _create(self, given: dict[str, Any], said: str, parent: str | None) -> bool:
        match = _CREATED.search(said)
        if match is None:
            return False
        key = f"task-{match[1]}"
        content = given.get("subject") or given.get("description") or ""
        self._todos[key] = _todo(key, {**given, "content": content}, parent)
        return True

    def _update(self, given: dict[str, Any]) -> bool:
        key = f"task-{given.get('taskId')}"
        known = self._todos.get(key)
        if known is None:
            return False
        if given.get("status") == "deleted":
            del self._todos[key]
            self._keep([known])
            return True
        changes: dict[str, Any] = {}
        if given.get("status") in _STATUSES:
            changes["status"] = given["status"]
        if isinstance(given.get("subject"), str):
            changes["content"] = given["subject"]
        if isinstance(given.get("activeForm"), str):
            changes["active_form"] = given["activeForm"]
        self._todos[key] = known.model_copy(update=changes)
        return self._todos[key] != known


def _is_written(key: str, todo: Todo, parent: str | None) -> bool:
    return todo.parent_tool_use_id == parent and not key.startswith((PAST, "task-"))


def _todo(key: str, item: Mapping[str, Any], parent: str | None) -> Todo:
    status: Any = item.get("status")
    priority, active = item.get("priority"), item.get("activeForm")
    return Todo(
        key=key,
        content=str(item.get("content", "")),
        status=status if status in _STATUSES else "pending",
        active_form=active if isinstance(active, str) else None,
        priority=priority if isinstance(priority, str) else None,
        parent_tool_use_id=parent,
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts: list[Any] = content  # pyright: ignore[reportUnknownVariableType]
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
