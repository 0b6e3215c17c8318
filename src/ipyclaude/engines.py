"""How an engine is made for a session: its options, limits, tools, and what Claude remembers."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from .checkpoints import Checkpoints
from .engine import Engine, EngineOptions, OnFile, Tool
from .engine.forking import fold_summary
from .engine.loading import load_sdk
from .exceptions import UsageMistake
from .messages import ContentBlock, ImageBlock, SessionInfo, TextBlock, now_ms
from .notebook.capture import Part
from .notebook.lending import SERVER, Borrower, Notebook
from .policy import Policy
from .protocol import CellChange
from .recovery import unheard
from .roles import has_folder
from .session import Session
from .settings import EFFORTS, PERMISSION_MODES, IPyClaude
from .store.sqlite import SqliteStore
from .store.transcripts import TranscriptStore
from .times import day

if TYPE_CHECKING:
    from .syncing import Syncing

#: Messages among which an answer tells that Claude has something to remember.
_LOOK_BACK = 200
CONTEXT_SECONDS = 5.0  # how long what goes along with a prompt may take to gather
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, kw_only=True)
class Engines:
    """What a kernel's engines are made of; `sync` is None where sessions stay on this machine."""

    settings: IPyClaude
    policy: Policy
    store: SqliteStore
    transcripts: TranscriptStore
    sync: Syncing | None
    notebook: Notebook
    checkpoints: Checkpoints

    def options(self, info: SessionInfo) -> EngineOptions:
        """Return what a session's engine begins with."""
        s = self.settings
        known = memory_of(info)
        return EngineOptions(
            cwd=info.cwd if has_folder(info) else str(Path.cwd()),
            session_id=known,
            resume=known if self.transcripts.has(known) else None,
            model=s.model,
            permission_mode=cast("Any", s.permission_mode),
            effort=cast("Any", s.effort),
            max_budget_usd=s.max_budget_usd,
            append_system_prompt=s.append_system_prompt,
            add_dirs=tuple(s.add_dirs),
            mcp_servers=dict(s.mcp_servers),
            isolated=s.isolated,
            env=dict(s.env),
            cli_path=s.cli_path,
        )

    def make(self, session: Session) -> Engine:
        """Make a session's engine (not on the loop)."""
        load_sdk()
        from .engine.claude import ClaudeEngine

        self._remember(session)
        return ClaudeEngine(
            session.options,
            ask=session.decide,
            transcripts=self.transcripts,
            todos=self.store.todos(session.info.client_id).todos,
            tools={SERVER: self._lent(session)} if self.settings.lend_notebook else {},
            on_file=self._keeper(session),
        )

    async def goes_along(self, session_id: str) -> tuple[ContentBlock, ...]:
        """Return what goes along with a prompt by itself."""
        await self.notebook.context.draw(session_id)
        gathering = asyncio.to_thread(self._gathered, session_id)
        try:
            return await asyncio.wait_for(gathering, CONTEXT_SECONDS)
        except asyncio.TimeoutError:
            return ()  # a variable's own code hangs; the prompt goes without

    def _gathered(self, session_id: str) -> tuple[ContentBlock, ...]:
        info = self.store.session(session_id)
        claude_id = (info.claude_session_id if info else None) or ""
        lost = unheard(self.store, session_id, lambda turn: self.transcripts.holds(claude_id, turn))
        along = self.notebook.context.take(session_id)
        text = "\n\n".join(filter(None, (lost, along.text)))
        return (*((TextBlock(text=text),) if text else ()), *map(_picture, along.pictures))

    def guard(self, options: EngineOptions) -> EngineOptions:
        """Return the options within the administrator's limits, or refuse them."""
        return self.policy.guard(options, self._spent_today)

    def configure(
        self, session: Session, *, model: str | None, mode: str | None, effort: str | None
    ) -> None:
        """Change model, permission mode or effort from the next turn on."""
        if mode is not None and mode not in PERMISSION_MODES:
            raise UsageMistake(
                f"There is no permission mode {mode!r}.",
                fix=f"Use one of {', '.join(PERMISSION_MODES)}.",
            )
        if effort and effort not in EFFORTS:
            raise UsageMistake(
                f"There is no effort {effort!r}.", fix=f"Use one of {', '.join(EFFORTS)}."
            )
        changes: dict[str, Any] = {}
        if effort is not None:
            changes["effort"] = effort or None  # an empty one: as the model is used to
        if model:
            changes["model"] = model
        if mode:
            changes["permission_mode"] = mode
        wanted = replace(session.options, **changes)
        self.guard(wanted)
        session.options = wanted

    def _remember(self, session: Session) -> None:
        """Let the next engine go on from Claude's memory, wherever that is (not on the loop)."""
        info = session.info
        if self.sync is not None:
            said = self.store.messages(info.client_id, limit=_LOOK_BACK).messages
            # What Claude said has an entry in its transcript.
            needed = any(message.uuid is not None for message in said)
            self.sync.fetch_memory(info, needed=needed)
        # Another server may have begun another memory since this session was opened.
        known = memory_of(info) if info.claude_session_id else session.options.session_id
        if self.transcripts.all_apart(known):
            known = str(uuid4())  # the CLI can't go on from a memory in which nothing was said
        resume = known if self.transcripts.has(known) else None
        session.options = replace(session.options, session_id=known, resume=resume)

    def _lent(self, session: Session) -> tuple[Tool, ...]:
        def asked(name: str) -> Any:
            return getattr(session.question, name, None)

        def note(change: CellChange) -> None:
            session_id, turn_id = session.info.client_id, str(asked("turn_id"))
            try:
                self.checkpoints.note(session_id, turn_id, change)
            except OSError as error:
                session.say("%claude_session undo will not take this change back.", f"{error}.")

        tools = self.notebook.tools(
            Borrower(
                parent=lambda: asked("parent"),
                cell_id=lambda: asked("cell_id"),
                change_cells=lambda: asked("change_cells"),
                note_undo=note,
                tell=session.say,
                stop=session.stop,
            )
        )
        # A user's own Claude settings may allow a tool unasked; one that isn't lent can't run.
        return tuple(t for t in tools if not self.policy.refusal(f"mcp__{SERVER}__{t.name}"))

    def _keeper(self, session: Session) -> OnFile:
        """Return what keeps a copy of each file before a tool of the session changes it."""

        async def keep(path: Path, changed: bool) -> None:
            question = session.question
            if question is None:
                return
            note = self.checkpoints.after if changed else self.checkpoints.before
            try:
                await asyncio.to_thread(note, session.info.client_id, question.turn_id, path)
            except OSError as error:
                session.say(f"%claude_session undo will not bring {path.name} back.", f"{error}.")

        return keep

    def _spent_today(self) -> float:
        today = day(now_ms())
        return sum(float(str(row["cost_usd"])) for row in self.store.usage() if row["day"] == today)


def memory_of(info: SessionInfo) -> str:
    """Return the CLI's id of a session; a new one where it is none.

    An editor may write it, and the CLI would look by other words for a session of this machine's.
    """
    known = info.claude_session_id or ""
    return known if _UUID.fullmatch(known) else str(uuid4())


def _picture(part: Part) -> ImageBlock:
    source = {"type": "base64", "media_type": part["mimeType"], "data": part["data"]}
    return ImageBlock(source=source)


def make_transcripts(store: SqliteStore) -> TranscriptStore:
    """Build the transcript store; the SDK's summary fold is loaded when it is first needed."""
    return TranscriptStore(store, fold=fold_summary)
