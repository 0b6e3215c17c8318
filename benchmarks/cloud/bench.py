"""A Convex for the benchmarks, and machines and bare clients of people of their own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "convex"), str(TESTS / "integration")]

from convex_server import ConvexServer, deployed  # noqa: E402
from kernels import Kernel, Place  # noqa: E402
from machines import QUICK, Machine, message, todo_list  # noqa: E402

from ipyclaude.identity.static import StaticToken  # noqa: E402
from ipyclaude.messages import new_id  # noqa: E402
from ipyclaude.replica.convex import ConvexClient  # noqa: E402

__all__ = [
    "Bench",
    "Kernel",
    "Machine",
    "Place",
    "deployed",
    "follow_list",
    "message",
    "prose",
    "todo_list",
]


class Bench:
    """A deployment, a folder, and machines and bare clients of people of their own."""

    def __init__(self, server: ConvexServer, folder: Path) -> None:
        self.server, self._folder = server, folder
        self.token = ""

    def person(self) -> None:
        """Let who is made from now on be somebody new."""
        self.token = self.server.issuer.token(f"u{new_id()}", expires_in=36_000)

    def machine(self) -> Machine:
        """Make a machine that has nothing yet."""
        return Machine(self.server.url, self.token, self.store())

    def store(self) -> Path:
        """Return the path of a store that is not there yet."""
        path = self._folder / new_id() / "store.db"
        path.parent.mkdir()
        return path

    def place(self) -> Place:
        """Make a place for a kernel."""
        return Place(self._folder / new_id())

    def client(self) -> ConvexClient:
        """Make a bare client."""
        token = self.token
        return ConvexClient(self.server.url, StaticToken(lambda: token), timing=QUICK)

    @contextlib.asynccontextmanager
    async def running(self, *made: Machine | ConvexClient) -> AsyncGenerator[None, None]:
        """Start machines and clients, and close them whatever happens."""
        try:
            for each in made:
                await (each.replica if isinstance(each, Machine) else each).start()
            for each in made:
                client = each.cloud if isinstance(each, Machine) else each
                await client.mutation("users:ensure", {})
            yield
        finally:
            for each in made:
                await each.close()


def prose(number: int) -> str:
    """Return a message's words."""
    return f"Message {number}: " + "it walks the list and keeps what fits. " * 12


async def follow_list(client: ConvexClient, after: float) -> None:
    """Watch the list of sessions, as a replica does."""
    live = client.subscribe("sessions:changed", {"after": after, "limit": 100})
    async for _ in live:
        pass
