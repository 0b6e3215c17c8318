"""What every test has: a home, a CLI configuration and a store of its own, and no login."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

_LOGINS = ("ANTHROPIC_", "CLAUDE_CODE_", "CLAUDE_CONFIG", "CONVEX_", "IPYCLAUDE_")


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the person's own login, settings and sessions out of reach; yield the new home."""
    home = tmp_path_factory.mktemp("home")
    # A patch of its own: a test that calls monkeypatch.undo() must not lose this one.
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_LOGINS) and name != "IPYCLAUDE_CHROMIUM":
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_DATA_HOME", str(home / "share"))
        patch.setenv("CLAUDE_CONFIG_DIR", str(home / "claude"))
        patch.setenv("IPYCLAUDE_DATA_DIR", str(home / "data"))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        yield home


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C: a shell lets what it runs behind `&` ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a longer or an old run of the chaos test be asked for."""
    parser.addoption("--chaos-exchanges", default=1000, type=int, help="exchanges (1000)")
    parser.addoption("--chaos-seed", default=None, type=int, help="what a failed run printed")
