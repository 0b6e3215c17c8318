"""Real JupyterHubs on loopback, set up by what `ipyclaude hub config` prints."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil
from ports import free_ports
from websockets.sync.client import connect

from ipyclaude.hub import AUDIENCE, SERVICE
from ipyclaude.testing.verifying import verify

#: Seconds; only a hang reaches it.
PATIENCE = 120.0
_LOOK = 0.05
_BIN = Path(sys.executable).parent

_BASE = """\
c = get_config()
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = ["{bin}/configurable-http-proxy"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{state}/home/{{username}}"
c.Spawner.cmd = ["{bin}/jupyterhub-singleuser"]
c.Spawner.args = [
    "--allow-root", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
]
c.Spawner.environment.update({{
    "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
    "PATH": "{path}",
}})
c.JupyterHub.services.append({{"name": "tests", "api_token": "{admin}"}})
c.JupyterHub.load_roles.append({{
    "name": "tests",
    "services": ["tests"],
    "scopes": ["admin:users", "admin:servers", "tokens", "access:servers", "access:services"],
}})
"""


@dataclass
class Hub:
    """A hub with a folder, a database, a proxy and an issuer of its own."""

    state: Path
    #: The deployment of its users' servers, and more of their environment.
    convex_url: str = ""
    environment: dict[str, str] = field(default_factory=dict[str, str])
    #: Every token that was seen here: none may be found where it has no business.
    secrets: list[str] = field(default_factory=list[str])
    #: Everything that cells printed.
    outputs: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True)
        (self.state / "home").mkdir()
        port, self.hub_port, proxy_port, self.service_port = free_ports(4)
        self.url = f"http://127.0.0.1:{port}"
        self.service = f"{self.url}/services/{SERVICE}"
        self.key_file = self.state / "keys.json"
        self._admin = secrets.token_hex(16)
        base = _BASE.format(
            url=self.url,
            hub_port=self.hub_port,
            proxy_port=proxy_port,
            bin=_BIN,
            state=self.state,
            path=f"{_BIN}:{os.environ['PATH']}",
            admin=self._admin,
        )
        (self.state / "jupyterhub_config.py").write_text(base + self._printed())
        self.api = httpx.Client(
            base_url=f"{self.url}/hub/api",
            headers={"Authorization": f"token {self._admin}"},
            timeout=PATIENCE,
        )

    def _printed(self) -> str:
        command = [_BIN / "ipyclaude", "hub", "config", self.url, "--key-file", self.key_file]
        command += ["--port", str(self.service_port), "--only", "hub"]
        if self.convex_url:
            command += ["--convex-url", self.convex_url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return f"{printed}\nc.Spawner.environment.update({self.environment!r})\n"

    def start(self) -> None:
        """Start it; `ready` waits."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYCLAUDE"))}
        with (self.state / "hub.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", self.state / "jupyterhub_config.py"],
                cwd=self.state,
                env={**env, "PATH": f"{_BIN}:{env['PATH']}", "CONFIGPROXY_AUTH_TOKEN": self._admin},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Wait for the hub and its issuer."""
        self.until(lambda: self._answers(f"{self.url}/hub/api/"))
        self.until(lambda: self._answers(f"{self.service}/health"))

    def _answers(self, url: str) -> bool:
        assert self.process.poll() is None, (self.state / "hub.log").read_text()[-3000:]
        try:
            return httpx.get(url).is_success
        except httpx.HTTPError:
            return False

    @staticmethod
    def until(so: Any) -> None:
        """Wait for what nothing tells."""
        deadline = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < deadline
            time.sleep(_LOOK)

    def end(self) -> None:
        """Tell it to end, as an operator does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it and wait, and end what is left of it."""
        if self.process.poll() is None:
            self.end()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    # -- users ----------------------------------------------------------------------------

    def add_user(self, name: str) -> None:
        self._call("POST", f"/users/{name}")

    def add_token(self, name: str, **body: Any) -> tuple[str, str]:
        """Make a hub token for a user; return it and its id."""
        made = self._call("POST", f"/users/{name}/tokens", json=body)
        self.secrets.append(made["token"])
        return made["token"], made["id"]

    def drop_token(self, name: str, token_id: str) -> None:
        self._call("DELETE", f"/users/{name}/tokens/{token_id}")

    def spawn(self, name: str) -> None:
        """Start a user's server, unless it runs, and wait for it."""

        def up() -> bool:
            servers = self._call("GET", f"/users/{name}")["servers"]
            return any(server["ready"] for server in servers.values())

        if not up():
            self._call("POST", f"/users/{name}/server")
            self.until(up)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        reply = self.api.request(method, path, **more)
        assert reply.is_success, (reply.status_code, reply.text)
        return reply.json() if reply.text else None

    def kernel(self, name: str) -> Kernel:
        """Start a kernel on a user's running server."""
        return Kernel(self, name, self._admin)

    # -- the issuer -----------------------------------------------------------------------

    def trade(self, token: str) -> httpx.Response:
        """Ask for a token, as a kernel does."""
        headers = {"Authorization": f"token {token}"}
        reply = httpx.post(f"{self.service}/token", headers=headers, timeout=PATIENCE)
        if reply.is_success:
            self.secrets.append(reply.json()["token"])
        return reply

    def jwks(self) -> dict[str, Any]:
        return httpx.get(f"{self.service}/jwks.json").json()

    def verify(self, token: str, jwks: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at a token as Convex does where this hub is trusted."""
        return verify(token, jwks or self.jwks(), issuer=self.url, audience=AUDIENCE)

    def audit(self) -> list[dict[str, Any]]:
        """Return what the issuer's log says."""
        lines = (self.state / "hub.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"time"')]

    def issuer_pid(self) -> int | None:
        """Find the issuer's process, if it runs."""
        ours = psutil.Process(self.process.pid).children(recursive=True)
        alive = (p for p in ours if p.status() != psutil.STATUS_ZOMBIE)
        return next((p.pid for p in alive if "ipyclaude.hub" in p.cmdline()), None)


class Kernel(AbstractContextManager["Kernel"]):
    """A kernel on a single-user server, as a page sees it."""

    def __init__(self, hub: Hub, user: str, token: str) -> None:
        self._hub = hub
        headers = {"Authorization": f"token {token}"}
        self._http = httpx.Client(
            base_url=f"{hub.url}/user/{user}/api", headers=headers, timeout=PATIENCE
        )
        made = self._http.post("/kernels", json={"name": "python3"})
        assert made.is_success, made.text
        self._id = made.json()["id"]
        place = f"{hub.url.replace('http', 'ws', 1)}/user/{user}/api/kernels/{self._id}/channels"
        self._ends = ExitStack()
        self._socket = self._ends.enter_context(
            connect(place, additional_headers=headers, max_size=None)
        )
        self._session = uuid.uuid4().hex

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.close()
        self._http.delete(f"/kernels/{self._id}")
        self._http.close()

    def run(self, code: str) -> str:
        """Run a cell to its end; return what it showed, its error included."""
        number = uuid.uuid4().hex
        self._socket.send(json.dumps(_execute(number, self._session, code)))
        shown: list[str] = []
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE))
            if message["parent_header"].get("msg_id") != number:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] in ("execute_result", "display_data"):
                shown += content["data"].values()
            elif message["msg_type"] == "error":
                shown += content["traceback"]
            elif content.get("execution_state") == "idle":
                break
        text = "".join(map(str, shown))
        self._hub.outputs.append(text)
        return text


def _execute(number: str, session: str, code: str) -> dict[str, Any]:
    return {
        "channel": "shell",
        "header": {
            "msg_id": number,
            "msg_type": "execute_request",
            "session": session,
            "username": "",
            "version": "5.4",
            "date": "",
        },
        "parent_header": {},
        "metadata": {},
        "buffers": [],
        "content": {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        },
    }
