"""A real Jupyter server, and a notebook of it as a person has it before them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import nbformat
from lab_server import JupyterServer
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    Route,
    WebSocket,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from ipyclaude.testing import ScriptedModel

SLOW_MS = 120_000  # a page or a kernel starts, on a machine that has other things to do
ASLEEP_MS = 10_000
_NBFORMAT: Any = nbformat  # it has no types

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the path of a Chromium of this machine."""
    names = (os.environ.get("IPYCLAUDE_CHROMIUM"), "chromium", "chromium-browser")
    return next((found for name in names if name and (found := shutil.which(name))), None)


@contextlib.contextmanager
def open_chromium() -> Generator[Browser, None, None]:
    """Debian's Chromium where there is one, else Playwright's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


_FIND_PANEL = """() => {
  window.__panel = () => {
    for (const widget of window.jupyterapp.shell.widgets('main')) {
      if (widget.sessionContext && widget.content && widget.content.widgets) return widget;
    }
    return null;
  };
  return !!window.__panel();
}"""
_KERNEL_IDLE = """() => {
  const kernel = window.__panel().sessionContext.session?.kernel;
  return kernel?.status === 'idle';
}"""
_RUN = """(i) => {
  const panel = window.__panel();
  panel.content.activeCellIndex = i;
  panel.content.deselectAll();
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
_DONE = """(i) => {
  const cell = window.__panel().content.widgets[i];
  return cell.model.executionCount !== null && cell.model.executionState === 'idle';
}"""


_IDLE = "(i) => window.__panel().content.widgets[i].model.executionState === 'idle'"


def _refuse_kernels(route: Route) -> None:
    if route.request.method == "POST":
        route.abort()
    else:
        route.continue_()


class Served(Protocol):
    """A Jupyter server, as a page of it needs to know it."""

    @property
    def root(self) -> Path:
        """Where its notebooks are."""
        ...

    @property
    def port(self) -> int: ...

    def url(self, path: str, app: str = "lab") -> str: ...

    def another_connection(self) -> contextlib.AbstractContextManager[object]: ...


@dataclass
class LabNotebook:
    """One notebook, open in a page; cells are known by their number, from 0."""

    page: Page
    server: Served
    path: str
    app: str = "lab"
    asked: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    sockets: list[WebSocket] = field(default_factory=list[WebSocket])

    @classmethod
    def open(
        cls,
        context: BrowserContext,
        server: Served,
        path: str,
        *,
        app: str = "lab",
        kernel: bool = True,
        may_start: bool = True,
    ) -> LabNotebook:
        """Open a notebook in a new page; wait for its kernel, if it gets one.

        Without `may_start` the page's requests for a kernel fail, as where there is none.
        """
        notebook = cls(context.new_page(), server, path, app)
        if not may_start:
            notebook.page.route("**/api/sessions*", _refuse_kernels)
        notebook.page.on("request", notebook._note_request)
        notebook.page.on("websocket", notebook._note_socket)
        notebook.page.on("pageerror", lambda error: notebook.errors.append(str(error)))
        notebook.page.goto(server.url(path, app))
        notebook.wait_open(kernel=kernel)
        return notebook

    def _note_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _note_socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket)

    @property
    def foreign_requests(self) -> list[str]:
        """What the page asked of anybody but the Jupyter server."""
        own = (f"http://127.0.0.1:{self.server.port}/", "data:", "blob:")
        return [url for url in self.asked if not url.startswith(own)]

    def wait_open(self, *, kernel: bool = True) -> None:
        """Wait until the notebook is drawn, and its kernel is idle."""
        self.page.wait_for_function(
            "() => window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell')",
            timeout=SLOW_MS,
        )
        self.page.wait_for_function(_FIND_PANEL, timeout=SLOW_MS)
        if kernel:
            self.page.wait_for_function(_KERNEL_IDLE, timeout=SLOW_MS)

    def reload(self) -> None:
        """Load the page again; the kernel goes on."""
        self.page.reload()
        self.wait_open(kernel=False)

    # -- cells -------------------------------------------------------------------------

    def start(self, cell: int) -> None:
        """Run a cell, without waiting for its end."""
        self.page.evaluate(_RUN, cell)

    def wait_done(self, cell: int) -> None:
        """Wait until a cell has run."""
        self.page.wait_for_function(_DONE, arg=cell, timeout=SLOW_MS)

    def wait_idle(self, cell: int) -> None:
        """Wait until a cell neither runs nor is queued, whether it has run or not."""
        self.page.wait_for_function(_IDLE, arg=cell, timeout=SLOW_MS)

    def run(self, cell: int) -> None:
        """Run a cell to its end."""
        self.start(cell)
        self.wait_done(cell)

    def load(self) -> None:
        """Run cell 0, which loads the extension, be the kernel asleep.

        ipykernel 7.0 to 7.3 may sleep through a page's first request until somebody else
        connects (ipykernel#1554). Once the extension is used it sees to that.
        """
        self.start(0)
        with contextlib.suppress(PlaywrightTimeout):
            self.page.wait_for_function(_DONE, arg=0, timeout=ASLEEP_MS)
            return
        with self.server.another_connection():
            self.wait_done(0)

    def running(self, cell: int) -> bool:
        """Say whether a cell is running, or waits for its turn."""
        return not self.page.evaluate(_DONE, cell)

    def cell(self, cell: int) -> Locator:
        """Return the whole cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell)

    def output(self, cell: int) -> Locator:
        """Return what stands below the cell's source."""
        return self.cell(cell).locator(".jp-Cell-outputArea")

    def hook(self, cell: int, name: str, state: str = "") -> Locator:
        """Return the parts of our widget in a cell's output that have this `data-ipc`."""
        extra = f'[data-state="{state}"]' if state else ""
        return self.output(cell).locator(f'[data-ipc="{name}"]{extra}')

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """Return a cell's outputs, as they would be saved now."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "(i) => window.__panel().content.model.cells.get(i).toJSON().outputs", cell
        )
        return found

    def text(self, cell: int) -> str:
        """Return what a cell printed."""
        return "".join("".join(output["text"]) for output in self.outputs(cell) if "text" in output)

    # -- the notebook ------------------------------------------------------------------

    def command(self, name: str, **arguments: object) -> None:
        """Run a command of the application to its end."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def interrupt(self) -> None:
        """What the interrupt button does."""
        self.command("notebook:interrupt-kernel")

    def restart_kernel(self) -> None:
        """Restart the kernel, and wait for it."""
        self.page.evaluate("() => window.__panel().sessionContext.restartKernel().then(() => null)")
        self.page.wait_for_function(_KERNEL_IDLE, timeout=SLOW_MS)

    def shut_down_kernel(self) -> None:
        """End the kernel; the notebook stays open without one."""
        self.page.evaluate("() => window.__panel().sessionContext.shutdown().then(() => null)")

    def save(self) -> Any:
        """Save the notebook; return what is in the file."""
        self.page.evaluate("() => window.__panel().context.save().then(() => null)")
        return _NBFORMAT.read(self.server.root / self.path, as_version=4)

    def close(self) -> None:
        """Close the page."""
        self.page.close()


def write_notebook(path: Path, cells: list[str], kernel: str = "python3") -> None:
    """Write a notebook of code cells."""
    v4 = _NBFORMAT.v4
    notebook = v4.new_notebook(
        cells=[v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    _NBFORMAT.write(notebook, path)


@dataclass
class Desk:
    """Opens notebooks on the test's own store and model."""

    server: JupyterServer
    context: BrowserContext
    model: ScriptedModel
    folder: Path
    name: str
    env: dict[str, str] = field(default_factory=dict[str, str])
    kernel: str = "python3"

    def setup(self) -> str:
        """Return the source of a first cell: our environment, and the extension."""
        env = {
            **self.model.env(self.folder / "claude"),
            "IPYCLAUDE_DATA_DIR": str(self.folder / "data"),
            "IPYCLAUDE_SERVER_LABEL": "test",
            **self.env,
        }
        return f"import os\nos.environ.update({json.dumps(env)})\n%load_ext ipyclaude"

    def put_file(self, name: str, words: str) -> None:
        """Write a file beside the test's notebooks."""
        path = self.server.root / self.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words)

    def open(
        self,
        *cells: str,
        name: str = "notebook",
        kernel: str = "",
        app: str = "lab",
        ready: bool = True,
    ) -> LabNotebook:
        """Open a new notebook whose cell 0 loads the extension, and run that if `ready`."""
        path = f"{self.name}/{name}.ipynb"
        write_notebook(self.server.root / path, [self.setup(), *cells], kernel or self.kernel)
        notebook = LabNotebook.open(self.context, self.server, path, app=app)
        if ready:
            notebook.load()
        return notebook


@contextlib.contextmanager
def subshells_disabled(server: JupyterServer) -> Generator[None, None, None]:
    """Let pages opened within send comm messages to the main shell only."""
    plugin = "@jupyterlab/apputils-extension:kernels-settings"
    server.set_lab_setting(plugin, {"commsOverSubshells": "disabled"})
    try:
        yield
    finally:
        server.set_lab_setting(plugin, {})


def part(chat: Locator, name: str, state: str = "") -> Locator:
    """Return a part of a view by the name that tests know it by, in this state."""
    extra = f'[data-state="{state}"]' if state else ""
    return chat.locator(f'[data-ipc="{name}"]{extra}')


def ask(chat: Locator, words: str) -> None:
    """Write a prompt and send it."""
    area = part(chat, "composer")
    area.fill(words)
    area.press("Enter")
