"""How replication stands, and what keeps it from going on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..exceptions import CloudError, CloudRefused
from ..store.replication import Waiting
from ..store.sqlite import SqliteStore

#: `sending` is as it should be: it goes up, or will at the turn's next pause; what is `waiting`
#: has been for a while.
Sync = Literal["synced", "sending", "waiting", "offline", "signed_out", "refused"]

#: How long something is on its way before it is said to wait, in seconds.
PATIENCE = 5.0


@dataclass(frozen=True)
class Standing:
    """How it stands: what waits, what was refused, and the last error in words."""

    sync: Sync
    waiting: Waiting
    detail: str
    error: str = ""


class Patience:
    """Tells what is on its way from what waits for long; times are of the monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None

    def is_over(self, *, waits: bool) -> bool:
        """Note whether something waits now that should go; say whether that is so for long."""
        if not waits:
            self._since = None
            return False
        if self._since is None:
            self._since = self._clock()
        return self._clock() - self._since >= PATIENCE


def another_account(store: SqliteStore, stands: str) -> CloudRefused:
    """Return why a store that belongs to another account is not replicated."""
    url, _, user = stands.partition(" ")
    return CloudRefused(
        "This store is replicated to another account.",
        why=f"{store.path} belongs to user {user} of {url}.",
        fix="Sign in as that user, or choose another folder: IPYCLAUDE_DATA_DIR.",
        code="AnotherAccount",
    )


def fault(name: str, error: Exception) -> CloudError:
    """Return the error of a part of the replica that failed by a fault of ours."""
    return CloudError(
        f"The replica's {name} failed in a way that was not foreseen.",
        why=f"{type(error).__name__}: {error}",
        fix="It begins again; if it goes on, please report it.",
    )
