"""Lets the demo model answer when the notebooks are checked (`scripts/test notebooks`).

Those about other servers get a Convex deployment of the tests, and two people who sign in to it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from ipyclaude.demo import output_text, scripted

#: Notebooks that need a deployment.
CLOUD = ("hub.ipynb", "sharing.ipynb")
_OPEN = ExitStack()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the model and hand the kernels its address, and a store of their own."""
    folder = Path(_OPEN.enter_context(tempfile.TemporaryDirectory(prefix="ipyclaude-nb-")))
    _, env = _OPEN.enter_context(scripted(folder, os.environ))
    os.environ.clear()
    os.environ.update(env)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the model and the deployment, and remove what was stored."""
    _OPEN.close()


@lru_cache(maxsize=1)
def deployment() -> dict[str, str]:
    """Start the deployment; return what tells a kernel of it, and of the two people."""
    sys.path.append(str(Path(__file__).parents[1] / "tests/convex"))
    from convex_server import deployed
    from tokens import Issuer

    issuer = Issuer()
    server = _OPEN.enter_context(deployed(issuer))
    return {
        "CONVEX_URL": server.url,
        "CONVEX_AUTH_TOKEN": issuer.token("ada"),
        "COLLEAGUES_TOKEN": issuer.token("grace"),
    }


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell a kernel that is about to start of the deployment, or of none."""
    for name in ("CONVEX_URL", "CONVEX_AUTH_TOKEN", "COLLEAGUES_TOKEN"):
        os.environ.pop(name, None)
    if item.path.name in CLOUD:
        os.environ.update(deployment())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, None, None]:
    """Check that a cell shows what its metadata says, `expect`."""
    yield
    shown = output_text({"outputs": item.test_outputs or []})
    for words in item.cell.metadata.get("expect", ()):
        assert words in shown, f"The cell does not show {words!r}, but:\n{shown}"
