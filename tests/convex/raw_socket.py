"""The sync protocol by hand, for the tests of the server that speaks it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from uuid import uuid4

from websockets.sync.client import ClientConnection, connect


class RawSocket:
    """One connection; sends and receives messages as they are.

    Parameters
    ----------
    url
        The deployment's.
    session
        The client's session id; a new one by default.
    """

    def __init__(self, url: str, session: str = "", *, client: str = "raw-1.0") -> None:
        self.session = session or str(uuid4())
        self.closing = ExitStack()
        self.socket: ClientConnection = self.closing.enter_context(
            connect(
                f"ws{url.removeprefix('http')}/api/sync",
                additional_headers={"Convex-Client": client},
                max_size=None,
                proxy=None,
            )
        )
        self.queries = 0
        self.identities = 0
        self.send(type="Connect", sessionId=self.session, connectionCount=0, clientTs=0)

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.close()

    def send(self, **message: Any) -> None:
        """Send a message."""
        self.socket.send(json.dumps(message))

    def receive(self, timeout: float = 60) -> dict[str, Any]:
        """Return the next message that is no ping."""
        while True:
            message = json.loads(self.socket.recv(timeout=timeout))
            if message["type"] != "Ping":
                return message

    def authenticate(self, token: str) -> None:
        """Say who calls."""
        self.send(type="Authenticate", tokenType="User", value=token, baseVersion=self.identities)
        self.identities += 1

    def change(self, *changes: dict[str, Any]) -> None:
        """Change the set of queries."""
        self.send(
            type="ModifyQuerySet",
            baseVersion=self.queries,
            newVersion=self.queries + 1,
            modifications=list(changes),
        )
        self.queries += 1

    def watch(self, query: int, path: str, journal: str | None = None, **args: Any) -> None:
        """Add a query."""
        self.change(
            {"type": "Add", "queryId": query, "udfPath": path, "args": [args], "journal": journal}
        )

    def mutate(self, request: int, path: str, **args: Any) -> None:
        """Call a mutation."""
        self.send(type="Mutation", requestId=request, udfPath=path, args=[args])

    def updates(self) -> dict[int, Any]:
        """Return the results that the next transition brings, by query."""
        while True:
            message = self.receive()
            if message["type"] == "Transition":
                return {
                    change["queryId"]: change.get("value", change["type"])
                    for change in message["modifications"]
                }
