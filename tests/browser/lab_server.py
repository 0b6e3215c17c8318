"""A real Jupyter server, with folders and settings of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
from ports import free_port
from websockets.sync.client import connect

START_SECONDS = 120
_LOGINS = ("ANTHROPIC_", "CLAUDE_", "IPYCLAUDE_")
NEWS = "@jupyterlab/apputils-extension:notification"


class JupyterServer:
    """JupyterLab and Notebook 7 from one process, with settings of their own."""

    def __init__(self, folder: Path, more_kernels: dict[str, Path] | None = None) -> None:
        self.root = folder / "notebooks"
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self._folder, self._log = folder, folder / "server.log"
        self.root.mkdir(parents=True)
        for name, python in (more_kernels or {}).items():
            self.add_kernel(name, python)
        self._process = self._start()
        self._wait()
        self.set_lab_setting(NEWS, {"fetchNews": "false", "checkForUpdates": False})

    def add_kernel(self, name: str, python: Path, env: dict[str, str] | None = None) -> None:
        """Offer a kernel of another Python, or one that starts with more of an environment."""
        spec = {
            "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": name,
            "language": "python",
            "metadata": {"debugger": False},
            "env": env or {},
        }
        folder = self._folder / "data" / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={self.root}"]
        command += [f"--IdentityProvider.token={self.token}", "--LabApp.news_url=None"]
        command += ["--LabApp.expose_app_in_browser=True"]
        command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "HOME": "home",
        }
        env = {key: value for key, value in os.environ.items() if not key.startswith(_LOGINS)}
        env.update({key: str(self._folder / name) for key, name in places.items()})
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _wait(self) -> None:
        waiting = self._process
        for _ in range(START_SECONDS * 10):
            with contextlib.suppress(OSError):
                self.api("GET", "status")
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                waiting.wait(0.1)
                break
        raise RuntimeError(f"The Jupyter server did not start:\n{self._log.read_text()}")

    def api(self, method: str, path: str, body: object = None, base: str = "api") -> Any:
        """Call the server's REST API; return what it says, as JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{base}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def set_lab_setting(self, plugin: str, values: dict[str, Any]) -> None:
        """Write a person's settings of a plugin of JupyterLab; pages read them when they open."""
        self.api("PUT", f"settings/{plugin}", {"raw": json.dumps(values)}, base="lab/api")

    def end_kernels(self) -> None:
        """End all kernels."""
        for session in self.api("GET", "sessions"):
            self.api("DELETE", f"sessions/{session['id']}")
        for kernel in self.api("GET", "kernels"):
            self.api("DELETE", f"kernels/{kernel['id']}")

    @contextlib.contextmanager
    def another_connection(self) -> Generator[None, None, None]:
        """Be connected to the kernels a second time, as by another page."""
        with contextlib.ExitStack() as ends:
            for kernel in self.api("GET", "kernels"):
                place = f"ws://127.0.0.1:{self.port}/api/kernels/{kernel['id']}/channels"
                ends.enter_context(connect(f"{place}?token={self.token}", max_size=None))
            yield

    def url(self, path: str, app: str = "lab") -> str:
        """Return the address of a notebook in `lab` or in Notebook 7 (`notebook`)."""
        place = "lab/tree" if app == "lab" else "notebooks"
        rest = "&reset" if app == "lab" else ""
        return f"http://127.0.0.1:{self.port}/{place}/{path}?token={self.token}{rest}"

    def stop(self) -> None:
        """End the server and its kernels."""
        with contextlib.suppress(OSError):
            self.end_kernels()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the server and its kernels at once, as where their machine goes."""
        parent = psutil.Process(self._process.pid)
        for process in (parent, *parent.children(recursive=True)):
            process.kill()
        self._process.wait()
