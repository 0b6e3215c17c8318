"""How replication stands, and what keeps it from going on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..exceptions import CloudError, CloudRefused
from ..store.replication import Waiting
from ..store.sqlite import SqliteStore

Sync = Literal["synced", "waiting", "offline", "signed_out", "refused"]


@dataclass(frozen=True)
class Standing:
    """How it stands: what waits, what was refused, and the last error in words."""

    sync: Sync
    waiting: Waiting
    detail: str
    error: str = ""


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
