"""One server of the chaos test: runs exchanges on command, in a process that may be killed.

Reads a line of JSON for each exchange, and prints it again when it is over.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from machines import Machine

from ipyclaude.engine import Engine, EngineEvent, EngineOptions, TodosChanged
from ipyclaude.exceptions import SessionBusy
from ipyclaude.exchange import Answer, Question
from ipyclaude.holders import dead, dead_here, make_holder
from ipyclaude.leases import SharedLease, StoreLease
from ipyclaude.messages import ContentBlock, TextBlock, Todo, Value
from ipyclaude.permissions import Permissions
from ipyclaude.session import Session
from ipyclaude.testing.engines import ScriptedEngine, Step, say


def script(number: int) -> list[Step]:
    """Return what the model does in an exchange: words, to-dos, more words."""
    todos = (
        Todo(key="1", content=f"done {number}", status="completed"),
        Todo(key="2", content=f"next {number}"),
    )
    return [*say(f"answer {number}"), TodosChanged(todos), *say(f"more {number}", key="m2")]


class Scripted(ScriptedEngine):
    """An engine that answers the nth prompt with the nth script, with pauses to be killed in."""

    async def ask(
        self, content: tuple[ContentBlock, ...], *, uuid: str | None = None
    ) -> AsyncIterator[EngineEvent]:
        """Play the script of the prompt's number."""
        (block,) = content
        assert isinstance(block, TextBlock)
        self._turns.append(script(int(block.text.split()[-1])))
        async for event in super().ask(content, uuid=uuid):
            await asyncio.sleep(0)
            yield event


class Worker:
    """A machine, and the sessions that are open on it, as in a kernel."""

    def __init__(self, url: str, token: Path, store: Path) -> None:
        self._holder = make_holder()
        names = {"holder": self._holder, "dead": dead, "dead_here": dead_here}
        self.machine = Machine(url, token.read_text, store, **names)
        self._permissions = Permissions(self.machine.store)
        self._sessions: dict[str, Session] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.machine.store.subscribe(self._heard)

    def _heard(self, values: Sequence[Value]) -> None:
        def tell() -> None:
            for session in self._sessions.values():
                session.heard(values)

        if threading.get_ident() == self._thread:
            tell()
        else:
            self._loop.call_soon_threadsafe(tell)

    async def exchange(self, session_id: str, number: int) -> None:
        """Run one exchange; Claude's memory of it is written too."""
        session = await self._open(session_id)
        answer = await _when_free(session, Question(content=(TextBlock(text=f"prompt {number}"),)))
        assert answer.error is None, answer.error
        key: Any = {"project_key": "p", "session_id": session.info.claude_session_id}
        entry: Any = {"type": "user", "uuid": f"entry {number}"}
        await self.machine.transcripts.append(key, [entry])

    async def _open(self, session_id: str) -> Session:
        machine, session = self.machine, self._sessions.get(session_id)
        if session is None:
            info = await machine.until(lambda: machine.store.session(session_id), 60)
            machine.replica.open(info)
            session = self._sessions[session_id] = Session(
                info,
                store=machine.store,
                permissions=self._permissions,
                make_engine=self._engine,
                options=EngineOptions(cwd=".", session_id="c"),
                lease=SharedLease(
                    StoreLease(machine.store, session_id, self._holder),
                    machine.replica.company.lease(session_id),
                ),
            )
        return session

    def _engine(self, session: Session) -> Engine:
        return Scripted(ask=session.decide)


async def _when_free(session: Session, question: Question) -> Answer:
    """Ask as soon as the server that wrote last has given the session back."""
    while True:
        try:
            return await session.ask(question)
        except SessionBusy:
            await asyncio.sleep(0.02)


async def main(url: str, token: str, store: str) -> None:
    """Serve commands until the input ends."""
    worker = Worker(url, Path(token), Path(store))
    await worker.machine.replica.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        await worker.exchange(command["session"], command["exchange"])
        print(line, end="", flush=True)  # noqa: T201 - this is its answer
    await worker.machine.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
