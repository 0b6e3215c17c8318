"""From the outbox's rows to one call of `messages:append`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..messages import Approval, Message, SessionInfo, TodoList
from ..store.replication import Chunk, Key, OutboxRow, Parcel
from .rows import (
    Row,
    approval_input,
    chunk_input,
    message_input,
    session_input,
    session_patch,
    todo_inputs,
)

#: What the function takes in one call (js/convex/model/limits.ts).
_MOST: dict[type, int] = {Message: 500, Approval: 50, Chunk: 200}


@dataclass
class Batch:
    """One call: its rows, its arguments, and the files that must be saved before it."""

    session_id: str
    rows: list[OutboxRow] = field(default_factory=list[OutboxRow])
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    #: By sha256.
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    #: What a viewer may change of a session: whether they put it away.
    archived: bool | None = None

    @property
    def turns(self) -> list[str]:
        """The turns of its messages, in order."""
        return list(dict.fromkeys(row["turnId"] for row in self.args.get("messages", ())))

    @property
    def call(self) -> Row:
        """The arguments, whole."""
        return {"session": self.session_id, "messages": [], **self.args}


def cut(parcels: Sequence[Parcel]) -> list[Parcel]:
    """Return the first parcels that go together: a deletion alone, the rest up to one."""
    counts: dict[type, int] = {}
    for index, parcel in enumerate(parcels):
        kind = type(parcel.value)
        counts[kind] = counts.get(kind, 0) + 1
        if is_deletion(parcel):
            return list(parcels[: max(index, 1)])
        if counts[kind] > _MOST.get(kind, len(parcels)):
            return list(parcels[:index])
    return list(parcels)


def is_deletion(parcel: Parcel) -> bool:
    """Say whether a parcel deletes a session or a transcript."""
    return parcel.row.op == "delete"


def build(parcels: Sequence[Parcel], server: str) -> Batch:
    """Write the call; compressing what is large takes its time, so not on the loop."""
    batch = Batch(parcels[0].row.session_id)
    transcripts: dict[Key, Row] = {}
    for parcel in parcels:
        batch.rows.append(parcel.row)
        value = parcel.value
        if isinstance(value, SessionInfo):
            _add_session(batch, value, parcel.base, server)
        elif isinstance(value, Message):
            _add(batch, "messages", message_input(value))
        elif isinstance(value, TodoList):
            batch.args["todos"] = todo_inputs(value)
        elif isinstance(value, Approval):
            _add(batch, "approvals", approval_input(value, server))
        elif isinstance(value, Chunk):
            _add_chunk(batch, transcripts, value)
    if transcripts:
        batch.args["transcripts"] = list(transcripts.values())
    return batch


def deletion(parcel: Parcel) -> tuple[str, Row]:
    """Return the function and the arguments of a parcel that deletes."""
    key, session = parcel.value, {"session": parcel.row.session_id}
    if not isinstance(key, Key):
        return "sessions:remove", session
    place = {"claudeSessionId": key.session_id, "projectKey": key.project_key}
    only = {"subpath": key.subpath} if key.subpath else {}
    return "transcripts:remove", {**session, **place, **only}


def _add(batch: Batch, name: str, made: tuple[Row, bytes | None]) -> None:
    row, file = made
    batch.args.setdefault(name, []).append(row)
    if file is not None:
        batch.files[row["file"]] = file


def _add_session(batch: Batch, info: SessionInfo, base: SessionInfo | None, server: str) -> None:
    row = session_input(info, server)
    if base is None:
        batch.args["info"] = row
        return
    # What was changed elsewhere meanwhile, and not here, stays as it is.
    patch = session_patch(row, session_input(base, ""), role=info.role)
    if info.role == "viewer" and "archivedAt" in patch:
        batch.archived = info.archived_at is not None
    elif patch:
        batch.args["patch"] = patch


def _add_chunk(batch: Batch, transcripts: dict[Key, Row], chunk: Chunk) -> None:
    row, file = chunk_input(chunk)
    if file is not None:
        batch.files[row["file"]] = file
    key = chunk.key
    place = {
        "claudeSessionId": key.session_id,
        "projectKey": key.project_key,
        "subpath": key.subpath,
    }
    transcript = transcripts.setdefault(key, {**place, "chunks": []})
    transcript["chunks"].append(row)
    if chunk.summary is not None:
        transcript["summary"] = chunk.summary
