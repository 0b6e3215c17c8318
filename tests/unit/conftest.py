"""A store file of each test's own, and the replica's side of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipyclaude.messages import SessionInfo
from ipyclaude.store.replication import Replication
from ipyclaude.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give an empty store."""
    store = SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def replication(store: SqliteStore) -> Replication:
    """Give the replica's side of it."""
    return Replication(store)


@pytest.fixture
def info() -> SessionInfo:
    """Give a session."""
    return SessionInfo(name="n", cwd="/home/ada", claude_session_id="c")
