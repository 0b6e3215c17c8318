"""A store file of each test's own, the replica's side of it, and what views need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from histories import Scene
from pages import FakeDesk

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


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    """Give what views need, with one empty session."""
    made = FakeDesk()
    yield made
    made.runtime.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a Claude Code folder with an empty session, and a store."""
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()
