"""Loading ipyclaude loads no network library (S8)."""

from __future__ import annotations

import subprocess
import sys

import pytest

_NETWORK = {"httpx", "websockets", "ipyclaude.replica.convex", "ipyclaude.replica._http"}


@pytest.mark.parametrize(
    "module", ["ipyclaude", "ipyclaude.extension", "ipyclaude.replica", "ipyclaude.identity.static"]
)
def test_importing_loads_no_network_library(module: str) -> None:
    """The Convex client comes with the first use of Convex, not before (S8)."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not _NETWORK & set(done.stdout.split())
