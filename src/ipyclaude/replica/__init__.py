"""The replica: what is here goes to Convex, and what others wrote comes back.

`Cloud` is the seam to Convex: calls, live queries and files, no knowledge of sessions.
`replica.convex.ConvexClient` is the real one. Importing this module loads no network library
(S8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

#: A call's arguments, or what it returns: see `replica.values`.
Args = Mapping[str, Any]

CloudKind = Literal["connecting", "online", "offline", "signed_out", "refused", "closed"]


@dataclass(frozen=True)
class CloudState:
    """How it stands with Convex: `detail` in words for a person, `since` in epoch ms."""

    kind: CloudKind
    detail: str
    since: float


@dataclass
class Stats:
    """What was used so far: function calls and file transfers, and bytes on the wire."""

    calls: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class Subscription(Protocol):
    """A live query: iterate over it for its results.

    Only the latest result waits to be taken; older ones that nobody took are gone. An error of
    the function is raised once by `__anext__`, and the query stays live: iterate again.
    """

    def __aiter__(self) -> Subscription: ...

    async def __anext__(self) -> Any: ...

    async def aclose(self) -> None:
        """Stop watching; whoever iterates comes to the end."""
        ...


class Cloud(Protocol):
    """A Convex deployment. Used from one event loop.

    Functions are named `module:function`. Arguments and results are the values of
    `replica.values`; numbers come back as float.

    Raises
    ------
    CloudError
        From every call, with what to do: `CloudUnreachable` and `CloudFault` pass by
        themselves, `CloudRefused` doesn't, `SignedOut` until somebody signs in.
    """

    async def query(self, path: str, args: Args) -> Any:
        """Run a query once; fails at once where Convex can't be reached."""
        ...

    async def mutation(self, path: str, args: Args) -> Any:
        """Run a mutation exactly once, over any number of reconnects; waits while offline.

        The result comes when live queries show what it changed. Mutations run in the order of
        the calls. `api` is added to the arguments. A cancelled call may have run or may still
        run: ask again with the same `clientId`s (S2).
        """
        ...

    def subscribe(self, path: str, args: Args) -> Subscription:
        """Watch a query until `aclose`; it survives reconnects and signing in again."""
        ...

    async def upload(self, data: bytes, media_type: str) -> str:
        """Put a file into storage; return its storage id."""
        ...

    async def download(self, url: str) -> bytes:
        """Read a file by the URL that `files:get` returned."""
        ...

    @property
    def state(self) -> CloudState:
        """How it stands now."""
        ...

    def on_state(self, listener: Callable[[CloudState], None]) -> Callable[[], None]:
        """Call `listener` with each new state, on the loop; return the unsubscriber."""
        ...

    @property
    def stats(self) -> Stats:
        """What was used so far."""
        ...

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        ...

    def wake(self) -> None:
        """Try again now: somebody signed in, or the network is back."""
        ...

    def reconnect(self) -> None:
        """Connect anew: somebody signed in or out. Calls of who was before fail."""
        ...

    async def close(self) -> None:
        """End everything: waiting calls fail with `CloudUnreachable`, live queries end."""
        ...
