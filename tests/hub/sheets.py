"""A notebook in JupyterLab on a hub, typed into cell by cell, as a person does it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from hubs import Hub
from live_notebook import SLOW_MS, LabNotebook, write_notebook
from playwright.sync_api import Browser, BrowserContext, Locator

_CELLS = 60
_SET = """([i, source]) => {
  window.__panel().content.model.cells.get(i).sharedModel.setSource(source);
}"""


@dataclass(frozen=True)
class UserServer:
    """A person's server on a hub, as a page knows it."""

    hub: Hub
    user: str

    @property
    def root(self) -> Path:
        """Where its notebooks are."""
        return self.hub.state / "home" / self.user

    @property
    def port(self) -> int:
        return int(self.hub.url.rsplit(":", 1)[1])

    def url(self, path: str, app: str = "lab") -> str:
        assert app == "lab"
        return f"{self.hub.url}/user/{self.user}/lab/tree/{path}?reset"

    def another_connection(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()


def log_in(browser: Browser, hub: Hub, user: str) -> BrowserContext:
    """Log in on a hub's page, in a profile of its own, and wait for the person's server."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", user)
    page.fill("#password_input", "x")
    page.click("#login_submit")
    page.wait_for_url(f"{hub.url}/user/{user}/**", timeout=SLOW_MS)
    page.close()
    return context


@dataclass
class Sheet:
    """One notebook of a person on a hub."""

    server: UserServer
    notebook: LabNotebook
    #: All that its cells showed.
    shown: list[str] = field(default_factory=list[str])
    _next: int = 0

    @classmethod
    def open(cls, browser: Browser, hub: Hub, user: str) -> Sheet:
        """Log in, open a new notebook in JupyterLab and load the extension."""
        context = log_in(browser, hub, user)
        server = UserServer(hub, user)
        write_notebook(server.root / "sheet.ipynb", [""] * _CELLS)
        sheet = cls(server, LabNotebook.open(context, server, "sheet.ipynb"))
        sheet.do("get_ipython().config.IPyClaude.allow = ['Bash']\n%load_ext ipyclaude")
        return sheet

    def do(self, source: str, *answers: str) -> str:
        """Run a new cell to its end, with what is typed where it asks; return what it shows."""
        number, self._next = self._next, self._next + 1
        return self._run(number, source, answers)

    def until(self, source: str, word: str) -> str:
        """Run a cell again and again until it shows a word."""
        number, self._next = self._next, self._next + 1
        deadline = time.monotonic() + SLOW_MS / 1000
        while word not in (shown := self._run(number, source, ())):
            assert time.monotonic() < deadline, shown
        return shown

    def chat(self, name: str) -> Locator:
        """Show a chat of a session in a new cell; return it."""
        self.do(f"%claude_session chat {name}")
        return self.notebook.hook(self._next - 1, "chat")

    def _run(self, number: int, source: str, answers: tuple[str, ...]) -> str:
        notebook = self.notebook
        notebook.page.evaluate(_SET, [number, source])
        notebook.start(number)
        for answer in answers:
            typed = notebook.output(number).locator("input.jp-Stdin-input")
            typed.fill(answer)
            typed.press("Enter")
        notebook.wait_done(number)
        text = notebook.output(number).inner_text()
        self.shown.append(text)
        return text

    def close(self) -> None:
        """Save the notebook, and close the profile."""
        self.notebook.save()
        self.shown.append(self.notebook.page.content())
        self.notebook.page.context.close()
