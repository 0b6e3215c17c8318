"""One JupyterLab and one Chromium for all tests; a page, a store and a model for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bare_host import serve
from lab_server import JupyterServer
from live_notebook import Desk, LabNotebook, open_chromium
from older_kernels import OLDER, python_with
from playwright.sync_api import Browser, BrowserContext, Page, expect
from providers import OidcProvider
from shared_lab import CELLS, Seat

from ipyclaude.testing import ScriptedModel

ROOT = Path(__file__).parents[2]
#: Milliseconds; only what never comes reaches it.
WAIT_MS = 60_000

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the built host page."""
    with serve(tmp_path_factory.mktemp("host")) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, host: str) -> Iterator[Page]:
    """A page on no Jupyter; it fails the test if any script of it fails."""
    page = chromium.new_page(viewport={"width": 900, "height": 700})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="session")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """One profile for all pages, so that JupyterLab's files are fetched once."""
    context = chromium.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """One Jupyter server for all tests."""
    older = {f"ipykernel-{version}": python_with(version) for version in OLDER}
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"), older)
    yield server
    server.stop()


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """Plays Claude's part; a test adds what it answers."""
    with ScriptedModel() as model:
        yield model


@pytest.fixture
def desk(
    server: JupyterServer,
    context: BrowserContext,
    model: ScriptedModel,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Desk]:
    """The test's own desk; its pages and kernels end with it."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    yield Desk(server, context, model, tmp_path, name)
    for page in list(context.pages):
        page.close()
    server.end_kernels()


@pytest.fixture(scope="module")
def shared_desk(
    server: JupyterServer,
    context: BrowserContext,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Desk]:
    """One desk for all tests of a module."""
    name = request.path.stem
    with ScriptedModel() as nobody:
        yield Desk(server, context, nobody, tmp_path_factory.mktemp(name), name)
    server.end_kernels()


@pytest.fixture(scope="module")
def shared_notebook(shared_desk: Desk) -> Iterator[LabNotebook]:
    """One page for all tests of a module."""
    notebook = shared_desk.open(*CELLS)
    notebook.command("application:toggle-left-area")
    yield notebook
    notebook.close()


@pytest.fixture
def seat(
    shared_desk: Desk,
    shared_notebook: LabNotebook,
    model: ScriptedModel,
    request: pytest.FixtureRequest,
) -> Iterator[Seat]:
    """The shared page with a new session and a model of its own; no script of ours fails."""
    shared_notebook.errors.clear()
    name = request.node.name.removeprefix("test_")
    yield Seat(shared_notebook, model, shared_desk.folder, name)
    assert shared_notebook.errors == []


@pytest.fixture(scope="session")
def shoot() -> Callable[[LabNotebook, str], None]:
    """Keep a picture of the page as a test artefact."""
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)

    def shoot(notebook: LabNotebook, name: str) -> None:
        notebook.page.screenshot(path=folder / f"{name}.png")

    return shoot


@pytest.fixture(scope="session")
def provider_session() -> Iterator[OidcProvider]:
    """One provider for all tests."""
    made = OidcProvider()
    yield made
    made.close()


@pytest.fixture
def provider(provider_session: OidcProvider) -> OidcProvider:
    """The provider, behaving well."""
    provider_session.reset()
    return provider_session
