"""Sessions on machines of their own, as kernels on several servers have them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from machines import Machine

from ipyclaude.engine import EngineOptions
from ipyclaude.exchange import Answer, Question
from ipyclaude.fold import text_of
from ipyclaude.forks import take_along
from ipyclaude.leases import SharedLease, StoreLease
from ipyclaude.messages import SessionInfo, TextBlock, Value
from ipyclaude.permissions import Permissions
from ipyclaude.protocol import Event
from ipyclaude.replica.lease import ServerLease
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, Step


class Desk:
    """One kernel of a machine with one session open in it; made on the loop.

    Parameters
    ----------
    machine
        Its store and replica.
    info
        The session; `turns` is what Claude says in it, turn by turn.
    lease
        Options of the hold among servers.
    """

    def __init__(
        self, machine: Machine, info: SessionInfo, *turns: Sequence[Step], **lease: Any
    ) -> None:
        self.machine, self.info = machine, info
        self.label = machine.replica.company.label
        self.permissions = Permissions(machine.store, by=self.label)
        self.permissions.decide_first = machine.replica.company.decide
        self.engine = ScriptedEngine(*turns)
        self.events: list[Event] = []
        #: Turns of others without which the session was copied, each time.
        self.rescued: list[frozenset[str]] = []
        self.there = (
            ServerLease(
                machine.cloud,
                machine.replica,
                info.client_id,
                holder=machine.holder,
                label=self.label,
                **lease,
            )
            if lease
            else machine.replica.company.lease(info.client_id)
        )
        self.session = Session(
            info,
            store=machine.store,
            permissions=self.permissions,
            make_engine=self._make,
            options=EngineOptions(cwd=".", session_id="c"),
            lease=SharedLease(
                StoreLease(machine.store, info.client_id, machine.holder), self.there
            ),
            rescue=self._rescue,
        )
        self.session.subscribe(self.events.extend)  # pyright: ignore[reportArgumentType]
        loop = asyncio.get_running_loop()

        def heard(values: Sequence[Value]) -> None:
            loop.call_soon_threadsafe(self._heard, values)

        machine.store.subscribe(heard)
        machine.replica.company.on_growing(self.session.heard)

    def _heard(self, values: Sequence[Value]) -> None:
        self.permissions.heard(values)
        self.session.heard(values)

    async def _rescue(self, session: Session, others: frozenset[str]) -> SessionInfo:
        self.rescued.append(others)
        copy = session.info.model_copy(update={"name": f"{session.info.name}-fork"})
        take_along(self.machine.store, session, others, copy.name)
        return copy

    def _make(self, session: Session) -> ScriptedEngine:
        self.engine._ask = session.decide  # pyright: ignore[reportPrivateUsage]
        return self.engine

    @property
    def growing(self) -> str:
        """What is seen of the answer that is being written."""
        return "".join(text_of(live.block) or "" for live in self.session.live())

    async def ask(self, text: str, **more: Any) -> Answer:
        """Run a turn."""
        return await self.session.ask(Question(content=(TextBlock(text=text),), **more))
