"""jupyter-cc on the same model: another magic that runs Claude, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from jupyter_client.manager import KernelManager

from ipyclaude.testing.model import ScriptedModel
from ipyclaude.testing.replies import Reply

RUNS = 5
_LIMIT = 120.0  # seconds
#: Names a Python 3.13, where none is on the path.
_VARIABLE = "IPYCLAUDE_BENCH_PYTHON"


def measure(model: ScriptedModel, usual: Reply, seen: str) -> tuple[float, float] | str:
    """Return the time to its first output that holds `seen`, and its cell's end, in ms.

    Where it can't be installed: why.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            python = _install(folder / "env")
        except (OSError, subprocess.SubprocessError) as error:
            # The whole reason names folders of this machine, and the table goes into the README.
            sys.stderr.write(f"{_reason(error)}\n")
            return f"jupyter-cc was left out: it needs a Python 3.13 (name one in {_VARIABLE})."
        manager = KernelManager()
        spec: Any = manager.kernel_spec
        spec.argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        env = {**os.environ, **model.env(folder / "claude"), "HOME": made}
        manager.start_kernel(env=env, cwd=made)
        try:
            return _runs(manager, model, usual, seen)
        finally:
            manager.shutdown_kernel(now=True)


def _install(env: Path) -> Path:
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    wanted = os.environ.get(_VARIABLE, "3.13")
    offline = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    python = env / "bin" / "python"
    for command in (
        ["venv", "--quiet", "--python", wanted, str(env)],
        ["pip", "install", "--quiet", "--python", str(python), "jupyter-cc", "ipykernel"],
    ):
        subprocess.run(
            [uv, *command], env=offline, check=True, capture_output=True, text=True, timeout=300
        )
    return python


def _reason(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
    return said[0].removeprefix("error: ").rstrip(".") if said else type(error).__name__


def _runs(
    manager: KernelManager, model: ScriptedModel, usual: Reply, seen: str
) -> tuple[float, float]:
    client: Any = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=_LIMIT)
    try:
        _run(client, "%load_ext jupyter_cc", "")
        times: list[tuple[float, float]] = []
        for _ in range(RUNS + 1):
            model.script(usual)
            times.append(_run(client, "%%cc --allow-run-all\nusual", seen))
    finally:
        client.stop_channels()
    first, total = zip(*times[1:], strict=True)  # the first run warms it up
    return median(first), median(total)


def _run(client: Any, code: str, seen: str) -> tuple[float, float]:
    start, first = perf_counter(), 0.0
    asked = client.execute(code)
    while True:
        message = client.get_iopub_msg(timeout=_LIMIT)
        now = (perf_counter() - start) * 1000
        told = message["content"] if message["msg_type"] != "execute_input" else ""
        if not first and seen in str(told):
            first = now
        idle = message["content"].get("execution_state") == "idle"
        if idle and message["parent_header"].get("msg_id") == asked:
            return first, now
