"""Values that the stores' contract puts, and the fixture that gives the store."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from ..messages import Message, ResultBlock, SessionInfo, TextBlock
from ..store import Store


def make_session(name: str = "one", **more: object) -> SessionInfo:
    """Make a session."""
    return SessionInfo.model_validate({"name": name, "cwd": "/home/ada", **more})


def make_message(session: SessionInfo, text: str = "hello", **more: object) -> Message:
    """Make a prompt, or what `more` makes of it."""
    fields = {"session_id": session.client_id, "type": "user", "turn_id": "t1"}
    return Message.model_validate({**fields, "content": (TextBlock(text=text),), **more})


def make_result(session: SessionInfo, turn: str, outcome: str = "done", **more: object) -> Message:
    """Make the message that ends a turn."""
    block = ResultBlock.model_validate({"outcome": outcome, **more})
    return make_message(session, type="result", turn_id=turn, content=(block,))


class StoreTests:
    """Tests of a store, which a subclass makes."""

    def make_store(self, tmp_path: Path) -> Store:
        """Make an empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Generator[Store, None, None]:
        """Give the store under test, closed at the end."""
        store = self.make_store(tmp_path)
        yield store
        store.close()
