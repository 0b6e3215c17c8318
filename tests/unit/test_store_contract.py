"""Both stores do what every store must."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipyclaude.store import Store
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing.stores import MemoryStore, StoreContract


class TestSqliteStore(StoreContract):
    """The real store."""

    def make_store(self, tmp_path: Path) -> Store:
        """Make it in a folder of its own."""
        return SqliteStore(tmp_path / "store.db")


@pytest.mark.filterwarnings("ignore::ipyclaude.store.sqlite.JournalWarning")
class TestSqliteStoreWithoutWal(StoreContract):
    """The real store on a disk where WAL can't work."""

    def make_store(self, tmp_path: Path) -> Store:
        """Make it as on a network disk."""
        return SqliteStore(tmp_path / "store.db", is_network=lambda _: True)


class TestMemoryStore(StoreContract):
    """The public fake."""

    def make_store(self, tmp_path: Path) -> Store:
        """Make it."""
        return MemoryStore()
