"""The two families of to-do tools become one list, and what was done stays as its history."""

from __future__ import annotations

from ipyclaude.display import todo_lines
from ipyclaude.engine.todos import TodoFold
from ipyclaude.messages import ToolResultBlock, ToolUseBlock


def write(fold: TodoFold, **items: str) -> None:
    """Write the whole list, as `TodoWrite` does."""
    todos = [{"content": content, "status": status} for content, status in items.items()]
    fold.use(ToolUseBlock(id="u", name="TodoWrite", input={"todos": todos}))


def shown(fold: TodoFold) -> list[tuple[str, str, bool]]:
    return [(todo.content, todo.status, todo.past) for todo in fold.todos]


def test_what_was_done_stays_when_the_list_is_replaced() -> None:
    """A new list keeps the done ones of the old as history, once each, and drops the others."""
    fold = TodoFold()
    write(fold, load="completed", plot="pending")
    write(fold, count="in_progress", load="completed")
    assert shown(fold) == [("count", "in_progress", False), ("load", "completed", False)]
    write(fold, count="completed")
    write(fold, tell="pending")
    assert shown(fold) == [
        ("tell", "pending", False),
        ("load", "completed", True),
        ("count", "completed", True),
    ]
    assert todo_lines(fold.todos) == ["☐ tell"]
    again = TodoFold(fold.todos)
    write(again, last="pending")
    assert [todo.content for todo in again.todos if todo.past] == ["load", "count"]


def test_a_deleted_task_is_history_if_it_was_done() -> None:
    """`TaskUpdate` can delete one: what was done is kept, what was not is gone."""
    fold = TodoFold()
    for number, status in ((1, "completed"), (2, "pending")):
        fold.use(ToolUseBlock(id="c", name="TaskCreate", input={"subject": f"step {number}"}))
        fold.result(ToolResultBlock(tool_use_id="c", content=f"Task #{number} created"))
        for change in (status, "deleted"):
            given = {"taskId": str(number), "status": change}
            fold.use(ToolUseBlock(id="u", name="TaskUpdate", input=given))
            fold.result(ToolResultBlock(tool_use_id="u", content="ok"))
    assert shown(fold) == [("step 1", "completed", True)]
