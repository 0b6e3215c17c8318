"""People who call the deployed functions, one after the other or at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from uuid import uuid4

from access_cases import Ids, session_input
from convex_server import ConvexServer

from ipyclaude.api_version import API_VERSION


class Person:
    """Somebody who is signed in, and calls functions as a client does."""

    def __init__(self, server: ConvexServer, token: str) -> None:
        self._server, self.token = server, token

    def ask(self, path: str, **args: Any) -> Any:
        """Run a query."""
        return self._server.call("query", path, args, token=self.token)

    def do(self, path: str, **args: Any) -> Any:
        """Run a mutation."""
        return self._server.call("mutation", path, {**args, "api": API_VERSION}, token=self.token)

    def session(self) -> str:
        """Make a session and return its id."""
        ids = Ids.new("")
        self.do("sessions:create", session=session_input(ids))
        return ids.session

    def invite(self, session: str, role: str, uses: int = 1) -> str:
        """Invite others into a session; return the code."""
        code = str(uuid4())
        self.do(
            "sharing:invite",
            session=session,
            invite=str(uuid4()),
            role=role,
            codeHash=sha256(code.encode()).hexdigest(),
            uses=uses,
            ttlMs=60_000,
        )
        return code

    @property
    def id(self) -> str:
        """What others know this person by."""
        return self.do("users:ensure")["userId"]


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make calls at the same time; return what each came to."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def message(**more: Any) -> dict[str, Any]:
    """Return a message as a client sends it."""
    return {
        "clientId": str(uuid4()),
        "type": "assistant",
        "content": [],
        "timestamp": time.time() * 1000,
        "turnId": "turn",
        **more,
    }
