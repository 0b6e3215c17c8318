"""A page of JupyterLab that several tests share: each has a session and a model of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bare_host import hook
from live_notebook import LabNotebook
from playwright.sync_api import Locator, Page, expect

from ipyclaude.messages import Message, SessionInfo, TextBlock
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.testing import ScriptedModel

#: The cells that the tests share; cell 0 loads the extension.
OPEN, CHAT, OTHER = 1, 2, 3
CELLS = ("", "%claude_session chat", "%claude_session chat")
_SET = """([i, source]) => window.__panel().content.model.sharedModel.cells[i].setSource(source)"""
_FOCUSED = "document.activeElement?.dataset?.ipc ?? document.activeElement?.className"
MOST_TABS = 60


@dataclass
class Seat:
    """A person before a chat, whose session and model are this test's own."""

    nb: LabNotebook
    model: ScriptedModel
    folder: Path
    name: str

    def __post_init__(self) -> None:
        env = self.model.env(self.folder / "claude")
        source = f"import os\nos.environ.update({json.dumps(env)})\n%claude_session new {self.name}"
        self.write(OPEN, source)
        self.write(OTHER, CELLS[OTHER - 1])
        self.nb.run(OPEN)
        self.nb.run(CHAT)
        expect(self.part("sessions")).to_contain_text(self.name)

    def write(self, cell: int, source: str) -> None:
        """Write another source into a cell."""
        self.page.evaluate(_SET, [cell, source])

    @property
    def page(self) -> Page:
        """The page."""
        return self.nb.page

    @property
    def chat(self) -> Locator:
        """The chat."""
        return self.nb.hook(CHAT, "chat")

    def part(self, name: str) -> Locator:
        """Return the parts of the chat with this `data-ipc`."""
        return self.chat.locator(hook(name))

    def message(self, words: str) -> Locator:
        """Return the last message that says this, with the pointer on it."""
        found = self.part("message").filter(has_text=words).last
        found.hover()
        return found

    @property
    def ends(self) -> Locator:
        """Return the lines that tell how turns ended."""
        return self.chat.locator(f'{hook("message")}[data-type="result"]')

    def ask(self, words: str) -> None:
        """Write a prompt and send it."""
        self.part("composer").fill(words)
        self.part("composer").press("Enter")

    def heard(self, request: int = -1) -> str:
        """Return what the model was told, as JSON."""
        return json.dumps(self.model.requests[request]["messages"])

    @property
    def focused(self) -> str:
        """The `data-ipc` of what has the focus."""
        found: str = self.page.evaluate(_FOCUSED)
        return found

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, name: str, key: str = "Tab") -> None:
        """Press Tab until the focus is on a part, as a person without a pointer does."""
        for _ in range(MOST_TABS):
            self.press(key)
            if self.focused == name:
                return
        raise AssertionError(f"{key} never reaches {name}: it is on {self.focused}")

    # -- the store ---------------------------------------------------------------------

    def store(self) -> SqliteStore:
        """Open the store of the kernel."""
        return SqliteStore(self.folder / "data" / "ipyclaude.sqlite3")

    def seed(self, name: str, turns: Sequence[tuple[str, str]]) -> SessionInfo:
        """Put a session of these prompts and answers into the store."""
        session = SessionInfo(name=name, cwd=str(self.folder))
        rows = [session, *_messages(session, turns)]
        store = self.store()
        store.put(*rows)
        store.close()
        return session


def _messages(session: SessionInfo, turns: Sequence[tuple[str, str]]) -> list[Message]:
    return [
        Message(
            session_id=session.client_id,
            type=kind,
            content=(TextBlock(text=words),),
            turn_id=f"turn-{number}",
        )
        for number, turn in enumerate(turns)
        for kind, words in zip(("user", "assistant"), turn, strict=True)
    ]
