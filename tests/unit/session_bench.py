"""A session on a scripted engine, to be asked by the tests of sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ipyclaude.engine import EngineOptions
from ipyclaude.exchange import Answer, Question
from ipyclaude.gathering import ContextSource
from ipyclaude.journal import Told
from ipyclaude.leases import StoreLease
from ipyclaude.messages import SessionInfo, TextBlock
from ipyclaude.permissions import Permissions
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, Step
from ipyclaude.testing.stores import MemoryStore

SID = "s" * 36


class Bench:
    """A session on a scripted engine, with what it told its views."""

    def __init__(
        self,
        *turns: Sequence[Step],
        store: MemoryStore | None = None,
        context: ContextSource | None = None,
    ) -> None:
        self.store = store or MemoryStore()
        if self.store.session(SID) is None:
            self.store.put(SessionInfo(client_id=SID, name="demo", cwd="."))
        info = self.store.session(SID)
        assert info is not None
        self.permissions = Permissions(self.store)
        self.engine = ScriptedEngine(*turns)
        self.events: list[Told] = []
        self.session = Session(
            info,
            store=self.store,
            permissions=self.permissions,
            make_engine=self._make,
            options=EngineOptions(cwd=".", session_id="c"),
            lease=StoreLease(self.store, SID, "1@here/x"),
            context=context,
        )
        self.session.subscribe(self.events.extend)

    def _make(self, session: Session) -> ScriptedEngine:
        self.engine._ask = session.decide  # pyright: ignore[reportPrivateUsage]
        return self.engine

    def messages(self) -> list[tuple[str, str]]:
        page = self.store.messages(SID)
        return [(m.type, m.text) for m in page.messages]


def question(text: str = "hi", **more: object) -> Question:
    return Question(content=(TextBlock(text=text),), **more)  # pyright: ignore[reportArgumentType]


def run(work: Callable[[], Awaitable[Answer]]) -> Answer:
    async def bounded() -> Answer:
        return await asyncio.wait_for(work(), 10)

    return asyncio.run(bounded())
