"""Values for the tests of replication, and what becomes of them."""

from __future__ import annotations

from typing import Any

from ipyclaude.messages import Message, SessionInfo, TextBlock, Todo, TodoList
from ipyclaude.store.replication import Replication
from ipyclaude.store.sqlite import SqliteStore


def message(info: SessionInfo, text: str = "x", **more: Any) -> Message:
    """Make a message."""
    fields = {"session_id": info.client_id, "type": "user", "content": (TextBlock(text=text),)}
    return Message.model_validate({**fields, **more})


def todo_list(info: SessionInfo, *texts: str) -> TodoList:
    """Make a to-do list."""
    todos = tuple(Todo(key=str(n), content=text) for n, text in enumerate(texts))
    return TodoList(client_id=info.client_id, session_id=info.client_id, todos=todos)


def texts(store: SqliteStore, info: SessionInfo) -> list[tuple[str, int | None]]:
    """Return a session's messages in order, with their places."""
    return [(m.text, m.seq) for m in store.messages(info.client_id).messages]


def send_all(replication: Replication) -> None:
    """Acknowledge all that waits."""
    while parcels := replication.parcels(limit=1000, size=1 << 30):
        replication.acknowledge([p.row for p in parcels])
