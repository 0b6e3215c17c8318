"""Claude Code's own history into the store: read-only (S13), resumable, nothing twice.

The CLI keeps each session as `projects/FOLDER/SESSION.jsonl`, subagents beside it as
`projects/FOLDER/SESSION/subagents/**/agent-*.jsonl`. A session comes in as its conversation
(messages, to-dos) and as its raw transcript, so that it can be gone on with. Ids are made of
what is imported, so importing again finds the same rows; how far each file was read is
noted in the transaction that stores it, so an import that was killed goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .engine.todos import TodoFold
from .history_files import (
    BadLine,
    HistoryFile,
    ImportReport,
    Skipped,
    agent_name,
    chosen,
    find_history,
    first_time,
    lines,
    metadata,
)
from .history_fold import Fold, State
from .history_lines import Entry, parse
from .history_writer import Piece, Portion, Writer, undisturbed
from .messages import Message, SessionInfo, TodoList, ToolResultBlock, ToolUseBlock, Value
from .store import _imports
from .store._imports import Mark
from .store._lines import Key, Line, line_of
from .store._values import safe
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore

__all__ = ["BadLine", "HistoryFile", "ImportReport", "Skipped", "find_history", "import_history"]

#: `(done_bytes, total_bytes, path)`, after each batch.
Progress = Callable[[int, int, Path], None]

_BATCH_LINES = 2000
_BATCH_BYTES = 4 << 20


def import_history(
    store: SqliteStore,
    transcripts: TranscriptStore,
    paths: Sequence[str | os.PathLike[str]] | None = None,
    *,
    progress: Progress | None = None,
) -> ImportReport:
    """Read sessions of Claude Code into the store.

    Parameters
    ----------
    store, transcripts
        Where they go.
    paths
        Main files of sessions, or folders to search; all that Claude Code has, if None.
    progress
        Called after each batch.

    Raises
    ------
    HistoryError
        If a path doesn't exist or can't be read; files that can't are else only skipped.
    StoreError
        If the store can't be written; what was stored so far is whole, and the next import
        goes on from there.
    """
    files = find_history() if paths is None else chosen(paths)
    total, done = sum(file.size for file in files), 0
    report = ImportReport()
    with store.database.reading() as db:
        known = _imports.known(db)
    with undisturbed(), Writer(store, transcripts) as writer:
        for file in files:
            base = done

            def tell(read: int, path: Path, base: int = base) -> None:
                if progress:
                    progress(min(base + read, total), total, path)

            try:
                writer.settle(file.session_id)
                _Import(store, file, report, tell, writer, known).run()
            except OSError as error:
                report.skipped.append(Skipped(file.path, error.strerror or str(error)))
            done += file.size
            tell(file.size, file.path)
    return report


@dataclass(eq=False)
class _File:
    """A file that is being read: its place among the transcripts, and how far it was read."""

    path: Path
    key: Key
    mark: Mark
    parent: str | None = None
    lines: list[Line] = field(default_factory=list[Line])


class _Import:
    """The import of one session."""

    def __init__(
        self,
        store: SqliteStore,
        file: HistoryFile,
        report: ImportReport,
        tell: Callable[[int, Path], None],
        writer: Writer,
        known: set[str],
    ) -> None:
        self._store, self._writer = store, writer
        #: What the store may hold of imports. Most of a first one is new, and is not asked for.
        self._known = known
        self._history, self._report, self._tell = file, report, tell
        self._main = self._open(file.path, "")
        state = State.load(self._main.mark.state)
        if state.created is None:
            state.created = first_time(file.path)
        self._fold = Fold(file.session_id, state)
        names = [safe(n) for n in (str(file.path), file.session_id, self._fold.session_id)]
        self._is_new = known.isdisjoint(names)
        known.update(names)
        self._todos = TodoFold()
        self._changed_todos = False
        self._subagents: dict[str, _File] = {}
        self._begun: list[_File] = []
        self._touched: list[_File] = []
        self._messages = list[Message]()
        self._count = self._bytes = 0
        self._stored = False

    def run(self) -> None:
        """Read what is new of it."""
        if not self._ready():
            return
        self._find_subagents()
        files = [self._main, *self._subagents.values()]
        if self._main.mark.offset and sum(f.mark.offset for f in files) < self._history.size:
            self._remember_todos()
        for file in list(self._subagents.values()):
            if file.mark.offset:  # was begun by an earlier import: its place is before the rest
                self._read(self._take(file))
        self._read(self._main)
        for file in list(self._subagents.values()):
            self._read(self._take(file))
        self._messages.extend(self._fold.result())
        self._flush(self._history.path)
        if self._stored:
            self._report.sessions += 1

    def _open(self, path: Path, subpath: str) -> _File:
        key = Key(self._history.project_key, self._history.session_id, subpath)
        mark: Mark | None = None
        if safe(str(path)) in self._known:
            with self._store.database.reading() as db:
                mark = _imports.read(db, str(path))
        return _File(path, key, mark or Mark(str(path), ""))

    def _ready(self) -> bool:
        """Tell whether there is something to do; prepare the state for it."""
        if self._is_new:
            return True
        state, known = self._fold.state, bool(self._main.mark.session_id)
        session_id = self._fold.session_id
        with self._store.database.reading() as db:
            deleted = _imports.was_deleted(db, session_id)
            other = _imports.session(db, "claude_session_id", self._history.session_id)
        if deleted:
            return self._skip("it was imported before, and deleted here")
        if not known and other is not None and other.client_id != session_id:
            return self._skip(f"it is the session {other.name!r} here")
        if known and self._is_rewritten():
            with self._store.batch() as batch:
                _imports.restart(batch.db, session_id, self._history.session_id)
            self._main = self._open(self._history.path, "")
            self._fold = Fold(self._history.session_id, State(created=state.created))
        return True

    def _skip(self, reason: str) -> bool:
        self._report.skipped.append(Skipped(self._history.path, reason))
        return False

    def _is_rewritten(self) -> bool:
        return self._history.path.stat().st_size < self._main.mark.offset

    def _remember_todos(self) -> None:
        """Take up the to-dos as they stand; calls of the last turn may still get a result."""
        session_id, turn = self._fold.session_id, self._fold.state.turn.id
        self._todos = TodoFold(self._store.todos(session_id).todos)
        for message in self._store.messages(session_id, turn_id=turn, limit=10_000).messages:
            self._fold_todos(message)

    def _find_subagents(self) -> None:
        root = self._history.path.with_suffix("")
        for path in self._history.subagents:
            subpath = path.relative_to(root).with_suffix("").as_posix()
            file = self._open(path, subpath)
            meta = metadata(path)
            file.parent = file.mark.state.get("parent") or meta.get("toolUseId")
            self._subagents[file.parent or agent_name(path)] = file

    def _take(self, file: _File) -> _File:
        name = next(name for name, other in self._subagents.items() if other is file)
        del self._subagents[name]
        file.parent = file.parent or name
        return file

    def _read(self, file: _File) -> None:
        """Read what is new of a file; the subagents that it starts are read where they start."""
        self._begun.append(file)
        for raw in lines(file.path, file.mark):
            self._line(file, raw)
            if self._count >= _BATCH_LINES or self._bytes >= _BATCH_BYTES:
                self._flush(file.path)
                self._writer.store()
        stat = file.path.stat()
        if file.mark.offset < stat.st_size:
            unfinished = "it has no end; the next import reads it again"
            self._report.bad_lines.append(BadLine(file.path, file.mark.line + 1, unfinished))
        if file.mark.size != stat.st_size or file.mark.mtime_ns != stat.st_mtime_ns:
            file.mark.size, file.mark.mtime_ns = stat.st_size, stat.st_mtime_ns
            self._note(file)
        if file.key.subpath:
            self._metadata_line(file)

    def _line(self, file: _File, raw: bytes) -> None:
        where = f"{file.key.subpath}:{file.mark.line}"
        self._note(file)
        self._count += 1
        self._bytes += len(raw)
        entry = self._parse(file, raw, where)
        if entry is None:
            return
        file.lines.append(line_of(entry, raw))
        # All of this entry first: a subagent's lines may be stored before we come back.
        messages = self._fold.entry(entry, where, file.parent)
        for message in messages:
            self._add(message)
        for name, parent in _starts(entry, messages) if self._subagents else ():
            if name in self._subagents and self._subagents[name] is not file:
                started = self._take(self._subagents[name])
                started.parent = parent
                self._read(started)

    def _parse(self, file: _File, raw: bytes, where: str) -> Entry | None:
        try:
            return parse(raw)
        except ValueError as error:
            self._report.bad_lines.append(BadLine(file.path, file.mark.line, str(error)))
        self._add(self._fold.bad(raw.decode("utf-8", "surrogateescape"), where))
        return None

    def _add(self, message: Message) -> None:
        self._messages.append(message)
        if self._fold_todos(message):
            self._changed_todos = True

    def _fold_todos(self, message: Message) -> bool:
        changed = False
        for block in message.content:
            if isinstance(block, ToolUseBlock):
                changed |= self._todos.use(block, message.parent_tool_use_id)
            elif isinstance(block, ToolResultBlock):
                changed |= self._todos.result(block)
        return changed

    def _note(self, file: _File) -> None:
        if file not in self._touched:
            self._touched.append(file)

    def _metadata_line(self, file: _File) -> None:
        """Add what the CLI keeps of a subagent beside its transcript, as a live mirror would."""
        meta = metadata(file.path)
        if meta and file.mark.state.get("meta") != meta:
            entry = {**meta, "type": "agent_metadata"}
            file.lines.append(line_of(entry))
            file.mark.state["meta"] = meta
            self._note(file)

    def _flush(self, path: Path) -> None:
        """Hand on all that was read since the last time."""
        if not self._touched:
            return
        if not self._main.mark.session_id and not self._messages and not self._has_lines():
            return  # an empty file, or one whose first line is still being written
        self._note(self._main)
        self._main.mark.state = self._fold.state.dump()
        session_id = self._fold.session_id
        values: list[Value] = [self._info(), *self._messages]
        if self._changed_todos:
            todos = self._todos.todos
            values.append(TodoList(client_id=session_id, session_id=session_id, todos=todos))
        self._writer.add(
            Portion(
                self._history.session_id,
                values,
                [self._piece(f) for f in self._touched],
                self._bytes,
            )
        )
        self._report.messages += len(self._messages)
        self._stored, self._is_new = True, False
        self._touched, self._messages, self._changed_todos = [], [], False
        self._count = self._bytes = 0
        self._tell(sum(file.mark.offset for file in self._begun), path)

    def _piece(self, file: _File) -> Piece:
        """Take what was read of a file out of it."""
        file.mark.session_id = self._fold.session_id
        if file.key.subpath:
            file.mark.state["parent"] = file.parent
        lines, file.lines = file.lines, []
        return Piece(file.key, lines, replace(file.mark, state=dict(file.mark.state)))

    def _has_lines(self) -> bool:
        return any(file.lines for file in self._touched)

    def _info(self) -> SessionInfo:
        state = self._fold.state
        # A file that says no time has at least its own.
        written = self._main.mark.mtime_ns / 1e6 or self._history.path.stat().st_mtime * 1000
        known: SessionInfo | None = None
        if not self._is_new:
            with self._store.database.reading() as db:
                known = _imports.session(db, "client_id", self._fold.session_id)
        info = known or SessionInfo(
            client_id=self._fold.session_id,
            name="",
            cwd=state.cwd,
            claude_session_id=self._history.session_id,
            created_at=state.created or written,
            origin=f"imported from Claude Code, {self._history.path}",
            # What was said elsewhere goes to no server unasked.
            local=True,
        )
        name = state.name or state.title or f"claude-{self._history.session_id[:8]}"
        named = self._main.mark.state.get("named")
        return info.model_copy(
            update={
                # A name that somebody gave it here is kept.
                "name": name if info.name in ("", named) else info.name,
                "title": info.title or state.title,
                "model": info.model or state.model,
                "last_activity_at": max(state.last, state.created or 0) or written,
            }
        )


def _starts(entry: Entry, messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """Yield what may name a subagent that this entry starts, and the tool call it belongs to."""
    blocks = [block for message in messages for block in message.content]
    for block in blocks:
        if isinstance(block, ToolUseBlock):
            yield block.id, block.id
    # CLIs that keep no `.meta.json` name the agent in the call's result only.
    result = entry.get("toolUseResult")
    agent = result.get("agentId") if isinstance(result, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    for block in blocks:
        if isinstance(block, ToolResultBlock) and isinstance(agent, str):
            yield agent, block.tool_use_id
