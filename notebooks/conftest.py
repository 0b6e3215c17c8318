"""Lets the demo model answer when the notebooks are checked (`scripts/test notebooks`)."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipyclaude.demo import scripted

_OPEN = ExitStack()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the model and hand the kernels its address, and a store of their own."""
    folder = Path(_OPEN.enter_context(tempfile.TemporaryDirectory(prefix="ipyclaude-nb-")))
    _, env = _OPEN.enter_context(scripted(folder, os.environ))
    os.environ.clear()
    os.environ.update(env)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the model and remove what was stored."""
    _OPEN.close()
