"""`%load_ext ipyclaude` only registers (S8)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

#: Loads the extension with an ear on all that Python opens, starts and connects to.
_LOAD = """
import json, sys, threading
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("pass")
done = []
def hear(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wxa+")
    if writes and not str(args[0]).endswith(".pyc") and "__pycache__" not in str(args[0]):
        done.append(["write", str(args[0])])
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.posix_spawn", "os.fork"):
        done.append([event, str(args)])
    if event in ("os.mkdir", "sqlite3.connect"):
        done.append([event, str(args)])
before, threads = set(sys.modules), threading.active_count()
sys.addaudithook(hear)
shell.run_line_magic(sys.argv[1], "ipyclaude")
done = list(done)
json.dump([done, sorted(set(sys.modules) - before), threading.active_count() - threads], sys.stdout)
"""
_HEAVY = {
    "claude_agent_sdk", "sqlite3", "pydantic", "pydantic_core", "anywidget", "ipywidgets", "httpx",
    "rich",
}  # fmt: skip


def test_loading_only_registers(tmp_path: Path) -> None:
    """Loading writes, connects and starts nothing, and imports none of the heavy packages."""
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-c", _LOAD, "load_ext"]
    ran = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=True)
    done, imported, threads = json.loads(ran.stdout)
    assert done == []
    assert threads == 0
    assert _HEAVY & {name.partition(".")[0] for name in imported} == set()
    assert list(home.iterdir()) == []
