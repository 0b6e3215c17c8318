"""Machines for the tests: each a store file of its own, a replica, and no kernel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ipyclaude.engine.forking import fold_summary
from ipyclaude.identity.static import StaticToken
from ipyclaude.messages import Message, SessionInfo, TextBlock, Todo, TodoList, Value
from ipyclaude.replica._timing import Timing
from ipyclaude.replica.convex import ConvexClient
from ipyclaude.replica.replica import Replica
from ipyclaude.replica.transcripts import ReplicatedTranscripts
from ipyclaude.store.sqlite import SqliteStore

#: Seconds; only what never comes reaches it.
PATIENCE = 120.0
#: As the product's, but without its patience.
QUICK = Timing(first_wait=0.02, longest_wait=0.2, refused=0.2)


class Machine:
    """One server of a person's: a store, and what replicates it.

    Parameters
    ----------
    url
        The deployment's address.
    token
        Who the person is there; a function where that changes.
    path
        The store's file.
    """

    def __init__(
        self, url: str, token: str | Callable[[], str], path: Path, **options: Any
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.store = SqliteStore(path)
        read = token if callable(token) else lambda: token
        self.cloud = ConvexClient(url, StaticToken(read), timing=QUICK)
        self.transcripts = ReplicatedTranscripts(
            self.store, fold=fold_summary, cloud=self.cloud, wrote=lambda: self.wrote()
        )
        named: dict[str, Any] = {"server": path.parent.name, "holder": str(path), **options}
        self.holder: str = named["holder"]
        self.replica = Replica(self.cloud, self.store, self.transcripts, url=url, **named)

    def wrote(self) -> None:
        """Tell the replica of a transcript's entry."""
        self.replica.wrote()

    async def close(self) -> None:
        """End it as an unload does."""
        await self.replica.close()
        self.store.close()

    # -- waiting ------------------------------------------------------------------------

    async def until(self, true: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until something is true of the store; looks whenever something was written."""
        changed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def heard(_: object) -> None:
            loop.call_soon_threadsafe(changed.set)

        stops = [
            self.store.subscribe(heard),
            self.replica.on_change(changed.set),
        ]
        try:
            async with _deadline(seconds):
                while not (found := true()):
                    await changed.wait()
                    changed.clear()
        finally:
            for stop in stops:
                stop()
        return found

    async def shows(self, session_id: str, text: str) -> None:
        """Wait until a session's last message has this text."""

        def last() -> list[str]:
            return [m.text for m in self.store.messages(session_id, limit=1).messages]

        await self.until(lambda: last() == [text])

    async def opened(self, name: str) -> SessionInfo:
        """Wait for a session by name, open it, and wait for all that it holds."""
        info = await self.until(lambda: self.store.session(name))
        self.replica.open(info)
        if not await self.replica.whole(info.client_id, PATIENCE):
            # Its connection was lost just then.
            await self.until(lambda: self.replica.standing().sync != "offline")
            assert await self.replica.whole(info.client_id, PATIENCE)
        return info

    async def flushed(self, seconds: float = PATIENCE) -> None:
        """Wait until all is sent."""
        async with _deadline(seconds):
            await self.replica.flush()

    # -- what is there ------------------------------------------------------------------

    def messages(self, session_id: str) -> list[Message]:
        """Return all messages of a session, in order."""
        return list(self.store.messages(session_id, limit=100_000).messages)

    def texts(self, session_id: str) -> list[str]:
        """Return the texts of all messages of a session, in order."""
        return [message.text for message in self.messages(session_id)]


Make = Callable[..., Machine]


async def shared(a: Machine, *others: Machine) -> SessionInfo:
    """Make a session on one machine and open it on all."""
    info = SessionInfo(name="one", cwd="")
    a.store.put(info)
    a.replica.open(info)
    await a.flushed()
    for other in others:
        await other.opened("one")
    return info


@asynccontextmanager
async def running(*machines: Machine) -> AsyncGenerator[None]:
    """Start machines, and close them whatever happens."""
    try:
        for machine in machines:
            await machine.replica.start()
        yield
    finally:
        for machine in machines:
            await machine.close()


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncGenerator[None]:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    late = False

    def end() -> None:
        nonlocal late
        late = True
        task.cancel()

    timer = loop.call_later(seconds, end)
    try:
        yield
    except asyncio.CancelledError:
        assert not late, f"it took more than {seconds} s"
        raise
    finally:
        timer.cancel()


def message(info: SessionInfo, text: str, **more: Any) -> Message:
    """Make a message."""
    fields = {"session_id": info.client_id, "type": "user", "content": (TextBlock(text=text),)}
    return Message.model_validate({**fields, **more})


def todo_list(info: SessionInfo, *texts: str) -> TodoList:
    """Make a to-do list."""
    todos = tuple(Todo(key=str(n), content=text) for n, text in enumerate(texts))
    return TodoList(client_id=info.client_id, session_id=info.client_id, todos=todos)


def exchange(info: SessionInfo, number: int) -> list[Value]:
    """Make what one exchange writes: a prompt, an answer, its to-dos and its end."""
    turn = f"turn {number}"
    return [
        message(info, f"prompt {number}", turn_id=turn),
        message(info, f"answer {number}", type="assistant", turn_id=turn),
        todo_list(info, f"done {number}", f"next {number}"),
        message(info, f"end {number}", type="result", turn_id=turn),
    ]
