"""Between the store's values and the rows of Convex's tables (js/convex/schema.ts).

A row leaves out what is not set: Convex has no `undefined`. A row of a newer version is never
an error: what this one doesn't know is shown as it can be, or left out (S7).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..exceptions import CloudFault
from ..messages import (
    Approval,
    Message,
    Phase,
    Role,
    SessionInfo,
    Todo,
    TodoList,
    UnknownBlock,
)
from ..store.replication import Chunk, Key
from .packing import (
    IN_ROW,
    dump_fields,
    load_fields,
    pack,
    pack_blocks,
    sha256,
    unpack,
    unpack_blocks,
    unpack_values,
)

Row = dict[str, Any]

#: Column and field; those of a session that have a column of their own.
_SESSION = {
    "name": "name",
    "cwd": "cwd",
    "title": "title",
    "workspace": "workspace",
    "gitRemote": "git_remote",
    "baseCommit": "base_commit",
    "notebook": "notebook",
    "origin": "origin",
    "claudeSessionId": "claude_session_id",
    "model": "model",
    "archivedAt": "archived_at",
    "createdAt": "created_at",
    "lastActivityAt": "last_activity_at",
}
#: Not in a patch: who it is, and who says so.
_FIXED = {"clientId", "createdAt", "server"}
#: Not in a member's patch: what of a session stays its owner's.
_OWNERS = {"notebook", "cwd", "workspace", "gitRemote", "baseCommit", "origin"}
_EXTRA = ("model", "uuid", "prompt_hash", "cell_id", "author")
_TODO = {
    "key": "key",
    "content": "content",
    "status": "status",
    "priority": "priority",
    "activeForm": "active_form",
    "parentToolUseId": "parent_tool_use_id",
}
#: What is said of an approval from where one stands.
_UNTOLD = {"person": "", "decider": "", "may_answer": True}
_ME = {"name": "", "me": True}
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
#: Who has no name on the server.
SOMEBODY = "somebody"
_LEVEL = 1  # what the store keeps transcripts with


def session_input(info: SessionInfo, server: str) -> Row:
    """Write a session; `server` is what others call this machine."""
    columns = {column: getattr(info, field) for column, field in _SESSION.items()}
    phase = {"type": info.phase.type, "errorMessage": info.phase.error_message}
    return _set(
        {
            "clientId": info.client_id,
            **columns,
            "title": info.title or None,
            "phase": _set(phase),
            "isClaudeBusy": info.busy,
            "server": server,
        }
    )


def session_patch(row: Row, base: Row, *, role: Role = "owner") -> Row:
    """Return the columns that are not as the server has them; None clears one."""
    fixed = _FIXED if role == "owner" else _FIXED | _OWNERS
    last = max(row["lastActivityAt"], base["lastActivityAt"])
    now = {**row, "lastActivityAt": last}
    changed = {
        column: now.get(column)
        for column in {*now, *base} - fixed
        if now.get(column) != base.get(column)
    }
    return {**changed, "server": row["server"]} if changed else {}


def session_from(row: Mapping[str, Any]) -> SessionInfo:
    """Read a session; its counters are what the server counts.

    Raises
    ------
    CloudFault
        Somebody else's has an id that none of ours has: it may be meant as a name or a path here.
    """
    fields = {field: row[column] for column, field in _SESSION.items() if column in row}
    role = _role(row.get("role", "owner"))
    if role != "owner" and not _ID.fullmatch(row["clientId"]):
        raise CloudFault(
            "A session that is shared with you can't be opened.",
            why=f"{row['clientId']!r} is no id of a session.",
            fix="Leave it alone: it was not made by ipyclaude.",
        )
    if role != "owner":
        # A notebook's path says nothing to another person: theirs may be called the same.
        fields["notebook"] = None
    return SessionInfo.model_validate(
        {
            **fields,
            "client_id": row["clientId"],
            "phase": _phase(row.get("phase", {})),
            "message_count": int(row.get("messageCount", 0)),
            "cost_usd": row.get("costUsd", 0.0),
            "server": row.get("server") or "",
            "deleted_at": row.get("deletedAt"),
            "role": role,
            "owner": "" if role == "owner" else row.get("owner") or "",
        }
    )


def _role(raw: str) -> Role:
    # A role of a newer version may at least read.
    return raw if raw in ("owner", "editor") else "viewer"


def _phase(raw: Mapping[str, Any]) -> Phase:
    try:
        return Phase(type=raw["type"], error_message=raw.get("errorMessage"))
    except (KeyError, ValidationError):
        return Phase()


def message_input(message: Message) -> tuple[Row, bytes | None]:
    """Write a message, and the file that must be saved before it."""
    body = pack_blocks(message.content)
    row = {
        "clientId": message.client_id,
        "type": message.type,
        **body.fields,
        "cost": message.cost,
        "timestamp": message.timestamp,
        "turnId": message.turn_id,
        "parentToolUseId": message.parent_tool_use_id,
        "extra": dump_fields((name, getattr(message, name) or None) for name in _EXTRA),
    }
    return _set(row), body.file


def message_from(
    row: Mapping[str, Any], session_id: str, *, me: str | None, file: bytes | None = None
) -> Message:
    """Read a message; `me` is the user whose own messages need no author.

    A message of one's own may name an author that it was copied from; of others the server
    says who wrote it, whatever they say.
    """
    author = row.get("authorId")
    named: Mapping[str, Any] = row.get("author") or {"name": "", "me": author in (None, me)}
    mine = bool(named["me"])
    told = {} if mine else {"author": named["name"] or SOMEBODY}
    fields = {
        "client_id": row["clientId"],
        "session_id": session_id,
        "turn_id": row["turnId"],
        "timestamp": row["timestamp"],
        "seq": int(row["seq"]),
        "cost": row.get("cost"),
        "parent_tool_use_id": row.get("parentToolUseId"),
        "author_id": None if mine else author,
        **told,
    }
    try:
        extra = load_fields(row.get("extra"), _EXTRA)
        content = unpack_blocks(dict(row), file)
        read = {**fields, **extra, **told, "type": row["type"], "content": content}
        return Message.model_validate(read)
    except (CloudFault, ValidationError) as error:
        # One message that can't be read must not hide those after it.
        unknown = UnknownBlock(raw={"type": row["type"], "unreadable": str(error)})
        return Message.model_validate({**fields, "type": "system", "content": (unknown,)})


def todo_inputs(todos: TodoList) -> list[Row]:
    """Write a to-do list."""
    return [
        _set({column: getattr(todo, field) for column, field in _TODO.items()})
        for todo in todos.todos
    ]


def todos_from(rows: Sequence[Mapping[str, Any]], session_id: str) -> TodoList:
    """Read a to-do list; an item of a kind that this version doesn't know is left out."""
    todos: list[Todo] = []
    for row in rows:
        fields = {field: row[column] for column, field in _TODO.items() if column in row}
        try:
            todos.append(Todo.model_validate(fields))
        except ValidationError:
            continue
    return TodoList(client_id=session_id, session_id=session_id, todos=tuple(todos))


def approval_input(approval: Approval, server: str) -> tuple[Row, bytes | None]:
    """Write an approval, and the file that must be saved before it."""
    body = pack_blocks([approval.model_copy(update=_UNTOLD)])
    row = {
        "clientId": approval.client_id,
        "turnId": approval.turn_id,
        "status": approval.status,
        "server": server,
        "editorsMay": approval.editors_may or None,
        **body.fields,
    }
    return _set(row), body.file


def approval_from(
    row: Mapping[str, Any], session_id: str, *, file: bytes | None = None
) -> Approval | None:
    """Read an approval, None if it is of a kind that this version doesn't know.

    Which one it is, how it stands and whose is what the server says, whatever the body says.
    """
    raised, decided = row.get("raisedBy") or _ME, row.get("decidedBy") or _ME
    told = {
        "client_id": row["clientId"],
        "session_id": session_id,
        "turn_id": row["turnId"],
        "status": row["status"],
        "person": "" if raised["me"] else raised.get("name") or SOMEBODY,
        "decider": "" if decided["me"] else decided.get("name") or SOMEBODY,
        "editors_may": bool(row.get("editorsMay")),
        "may_answer": bool(row.get("mayDecide", raised["me"])) or raised["me"],
    }
    try:
        values = unpack_values(dict(row), file)
        return Approval.model_validate({**dict(values[0]), **told})
    except (CloudFault, IndexError, TypeError, ValueError, ValidationError):
        return None


def chunk_input(chunk: Chunk) -> tuple[Row, bytes | None]:
    """Write a transcript's chunk, and the file that must be saved before it."""
    packed = pack(zlib.decompress(chunk.data))
    row: Row = {"chunkId": chunk.chunk_id, "count": chunk.count}
    if len(packed) <= IN_ROW:
        return {**row, "data": packed}, None
    return {**row, "file": sha256(packed)}, packed


def chunk_from(row: Mapping[str, Any], key: Key, *, file: bytes | None = None) -> Chunk:
    """Read a transcript's chunk."""
    data = zlib.compress(unpack(file if file is not None else row["data"]), _LEVEL)
    return Chunk(key, row["chunkId"], int(row["count"]), data, seq=int(row["seq"]))


def _set(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
