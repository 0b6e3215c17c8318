"""Without a deployment a kernel asks no network and loads none of what would (S8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import ScriptedModel

StartKernel = Callable[..., Kernel]

#: Notes every name that is looked up and every address that is connected to, by any thread.
_WATCH = """
import sys
asked = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        asked.append(f"{event} {args[-1] if event == 'socket.connect' else args[0]}")
sys.addaudithook(hook)
"""
_CLIENT = (
    "ipyclaude.syncing",
    "ipyclaude.replica.convex",
    "ipyclaude.replica.replica",
    "websockets",
)


def use(nb: Notebook, model: ScriptedModel) -> None:
    """Ask, look at all that says how it stands, and show a chat."""
    model.script("Blue.")
    nb.run(_WATCH)
    for code in (
        "%load_ext ipyclaude",
        "%%claude\nwhich colour?",
        "%claude_session",
        "%claude_session list",
        "%claude_session usage",
        "%claude_session chat",
    ):
        shown = nb.run(code)
        assert shown.error == "", shown.text


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Callable[..., Notebook]:
    """Start a kernel with these variables."""

    def begin(**more: str) -> Notebook:
        return Notebook(start(place, model, load=False, **more))

    return begin


def test_unset_means_no_network(nb: Callable[..., Notebook], model: ScriptedModel) -> None:
    """A prompt, the subcommands and a chat connect to nothing from the kernel, and none of the
    client is loaded."""
    notebook = nb()
    use(notebook, model)
    assert notebook.value("asked") == []
    loaded = notebook.value(f"[name for name in {_CLIENT!r} if name in sys.modules]")
    assert loaded == []


def test_set_means_that_it_is_asked(nb: Callable[..., Notebook], model: ScriptedModel) -> None:
    """With an address there the same kernel does connect: the watch above sees what it should."""
    notebook = nb(CONVEX_URL="http://127.0.0.1:9", CONVEX_AUTH_TOKEN="x")
    use(notebook, model)
    notebook.kernel.until(lambda: "127.0.0.1" in str(notebook.value("asked")))
    assert notebook.value("'ipyclaude.syncing' in sys.modules")
