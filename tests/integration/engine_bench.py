"""An engine with the real Claude CLI, on a scripted model, for a test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipyclaude.engine import Decision, EngineOptions, ToolRequest
from ipyclaude.engine.claude import ClaudeEngine
from ipyclaude.engine.forking import fold_summary
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore
from ipyclaude.testing.model import ScriptedModel
from ipyclaude.testing.replies import Answer, Script


@asynccontextmanager
async def opened(
    tmp_path: Path,
    *script: Answer | Script | str,
    decision: Decision | None = None,
    env: dict[str, str] | None = None,
    **options: Any,
) -> AsyncGenerator[Bench]:
    """Lend an engine on a model that answers by the script."""
    with ScriptedModel(*script, default="fine again") as model:
        bench = Bench(model, tmp_path, decision or Decision(allow=True))
        engine = bench.engine(env=env or {}, **options)
        try:
            yield bench
        finally:
            await engine.close()
            bench.store.close()


class Bench:
    """An engine, its model, its store, and the tool calls that it asked about."""

    def __init__(self, model: ScriptedModel, folder: Path, decision: Decision) -> None:
        self.model, self.folder, self.decision = model, folder, decision
        self.asked: list[ToolRequest] = []
        self.store = SqliteStore(folder / "store.db")
        self.transcripts = TranscriptStore(self.store, fold=fold_summary)

    def engine(self, *, at: str = "here", env: dict[str, str], **options: Any) -> ClaudeEngine:
        """Make the engine, with a working folder and a config folder of its own."""
        cwd = self.folder / at / "work"
        cwd.mkdir(parents=True, exist_ok=True)
        retries = {"CLAUDE_CODE_MAX_RETRIES": "0"}
        base = EngineOptions(
            cwd=str(cwd),
            session_id=str(uuid.uuid4()),
            env={**self.model.env(self.folder / at / "claude"), **retries, **env},
        )
        self.options = replace(base, **options)
        self.made = ClaudeEngine(self.options, ask=self.ask, transcripts=self.transcripts)
        return self.made

    async def ask(self, request: ToolRequest) -> Decision:
        """Take note of the call, and decide it."""
        self.asked.append(request)
        return self.decision
