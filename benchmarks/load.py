"""`%load_ext ipyclaude` against `import claude_agent_sdk`, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from .table import Figure, paired

RUNS = 7
_LOAD = """
from time import perf_counter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = perf_counter()
shell.run_line_magic("load_ext", "ipyclaude")
print(perf_counter() - start)
"""
_IMPORT = """
from time import perf_counter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = perf_counter()
import claude_agent_sdk
print(perf_counter() - start)
"""


def _run(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000


def measure() -> list[Figure]:
    """Return the one figure, in ms."""
    ours, peer = paired(lambda: _run(_LOAD), lambda: _run(_IMPORT), RUNS)
    return [Figure("%load_ext ipyclaude", ours, peer, "ms", 0.15, "import claude_agent_sdk")]
