"""The engine's contract, on the fake: what holds here holds on the real one too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ipyclaude.engine import BlockStarted
from ipyclaude.exceptions import ServerError
from ipyclaude.messages import TextBlock
from ipyclaude.testing.engine_contract import EngineContract
from ipyclaude.testing.engines import ScriptedEngine, Step, say

STARTED = BlockStarted("m0", 0, TextBlock())


def _turn(prompt: str) -> list[Step]:
    if prompt == "fail":
        return [STARTED, ServerError("The API failed.", fix="Ask again.")]
    return [STARTED, asyncio.Event()] if prompt == "hang" else say("Hello there")


@pytest.mark.asyncio
class TestScriptedEngine(EngineContract):
    @asynccontextmanager
    async def make_engine(self, tmp_path: Path, *prompts: str) -> AsyncGenerator[ScriptedEngine]:
        engine = ScriptedEngine(*map(_turn, prompts))
        yield engine
        await engine.close()
