"""A Convex deployment to test against: a Node process (tests/convex/server), driven from Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

import httpx
from functions import FUNCTIONS, SERVER, run_cli, taking_turns
from hatch import load_hatch_build
from tokens import Issuer

from ipyclaude.accounts import make_key

ADMIN_KEY = "ipyclaude-test|0123456789abcdef"


class FunctionStats(TypedDict):
    """What the calls of one function cost."""

    calls: int
    runs: int
    errors: int
    conflicts: int
    documentsRead: int
    bytesRead: int
    documentsWritten: int
    bytesWritten: int
    argumentBytes: int
    resultBytes: int
    maxDocumentsRead: int
    lastDocumentsRead: int


class Stats(TypedDict):
    """What the deployment was asked since it started, or since the last reset."""

    httpRequests: int
    httpBytesIn: int
    httpBytesOut: int
    socketsOpened: int
    socketBytesIn: int
    socketBytesOut: int
    transitions: int
    transactions: int
    sockets: int
    faults: dict[str, int]
    functions: dict[str, FunctionStats]


class FunctionFailed(Exception):
    """A function answered with an error.

    Attributes
    ----------
    data
        What a ConvexError carried, else None.
    """

    def __init__(self, message: str, data: Any) -> None:
        super().__init__(message)
        self.data = data


class Refused(Exception):
    """The deployment answered with an HTTP error.

    Attributes
    ----------
    status, code
        Of the answer; 401 for a token that it does not accept.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Faults:
    """Faults on request. Each hits `times` calls of one function, or of any, and is used up."""

    control: httpx.Client

    def _send(self, kind: str, **more: Any) -> None:
        self.control.post("/__fault", json={"kind": kind, **more}).raise_for_status()

    def drop(self) -> None:
        """End all connections, now."""
        self._send("drop")

    def offline(self, ms: int | None = None) -> None:
        """End all connections and refuse new ones, for `ms` or until `online`."""
        self._send("offline", **({} if ms is None else {"ms": ms}))

    def online(self) -> None:
        """Accept connections again."""
        self._send("online")

    def lose_reply(self, path: str = "", *, times: int = 1, after: int = 0) -> None:
        """Do the work, then end the connection instead of answering."""
        self._send("lose_reply", path=path, times=times, after=after)

    def drop_before(self, path: str = "", *, times: int = 1, after: int = 0) -> None:
        """End the connection before the work is done."""
        self._send("drop_before", path=path, times=times, after=after)

    def conflict(self, path: str = "", *, attempts: int = 1) -> None:
        """Let `attempts` commits conflict; the server tries four times again, then fails."""
        self._send("conflict", path=path, times=attempts)

    def slow(self, ms: int, path: str = "", *, times: int = 1) -> None:
        """Wait before the work."""
        self._send("slow", path=path, times=times, ms=ms)

    def internal(self, path: str = "", *, times: int = 1, after: int = 0) -> None:
        """Answer 500 by HTTP; end a WebSocket with code 1011."""
        self._send("internal", path=path, times=times, after=after)

    def error(self, path: str = "", *, times: int = 1) -> None:
        """Let the function fail, as by a bug in it."""
        self._send("error", path=path, times=times)

    def revoke(self, *, token: str = "", subject: str = "") -> None:
        """Refuse a token, or all tokens of a subject, from now on."""
        self._send("revoke", **({"token": token} if token else {"subject": subject}))

    def clear(self) -> None:
        """Forget all faults, and accept connections again."""
        self.control.delete("/__fault").raise_for_status()


@cache
def _accounts() -> tuple[str, str]:
    return make_key("https://accounts.test")


class ConvexServer:
    """One deployment in a process of its own; use it as a context manager.

    Parameters
    ----------
    issuer
        Signs the tokens that the deployment accepts; a new one by default.
    push
        A push request to start with, as `build_push` writes it.
    chunk_bytes
        Split larger transitions into parts for every client, not only for npm's.
    redact
        Say of an error that is no ConvexError only "Server Error", as in production.
    """

    def __init__(
        self,
        issuer: Issuer | None = None,
        *,
        push: Path | None = None,
        chunk_bytes: int | None = None,
        redact: bool = False,
    ) -> None:
        self.issuer = issuer or Issuer()
        self.admin_key = ADMIN_KEY
        self._hatch = load_hatch_build()
        with taking_turns():
            self._hatch.install_modules(SERVER)
        self._process = self._start(push, chunk_bytes, redact)
        assert self._process.stdout is not None
        line = json.loads(self._process.stdout.readline())
        self.url: str = line["url"]
        self._http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self.control: str = line["control"]
        self._control = httpx.Client(base_url=self.control, timeout=60, trust_env=False)
        self.faults = Faults(self._control)
        self.trust(self.issuer)
        public, private = _accounts()
        self.set_env({"IPYCLAUDE_ACCOUNTS": public, "IPYCLAUDE_ACCOUNTS_KEY": private})

    def _start(
        self, push: Path | None, chunk_bytes: int | None, redact: bool
    ) -> subprocess.Popen[str]:
        options = ["--admin-key", self.admin_key]
        if push is not None:
            options += ["--push", str(push)]
        if chunk_bytes is not None:
            options += ["--chunk", str(chunk_bytes)]
        if redact:
            options.append("--redact")
        with self._hatch.node_environment() as env:
            return subprocess.Popen(
                ["node", str(SERVER / "server.ts"), *options],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> ConvexServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, which takes all its documents along."""
        self._http.close()
        self._control.close()
        self._process.terminate()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    # ---- administration ------------------------------------------------------------------

    def _admin(self) -> dict[str, str]:
        return {"Authorization": f"Convex {self.admin_key}"}

    def set_env(self, variables: Mapping[str, str]) -> None:
        """Set environment variables of the deployment."""
        changes = [{"name": name, "value": value} for name, value in variables.items()]
        self._http.post(
            "/api/update_environment_variables", json={"changes": changes}, headers=self._admin()
        ).raise_for_status()

    def trust(self, *issuers: Issuer) -> None:
        """Accept the tokens of these issuers only."""
        self.set_env({"IPYCLAUDE_AUTH": json.dumps([issuer.provider() for issuer in issuers])})

    def cli(self, *words: str, folder: Path = FUNCTIONS) -> str:
        """Run the official CLI on this deployment and return what it prints.

        Raises
        ------
        AssertionError
            It failed; the message holds what it said.
        """
        return run_cli(words, folder, {
            "CONVEX_SELF_HOSTED_URL": self.url,
            "CONVEX_SELF_HOSTED_ADMIN_KEY": self.admin_key,
        })  # fmt: skip

    def deploy(self, folder: Path = FUNCTIONS) -> None:
        """Push a folder's functions by the official CLI; their types are another test's concern."""
        self.cli("deploy", "-y", "--typecheck", "disable", "--codegen", "disable", folder=folder)

    def function_spec(self) -> list[dict[str, Any]]:
        """Return what the CLI says of the functions that are deployed."""
        return json.loads(self.cli("function-spec"))["functions"]

    # ---- calls ---------------------------------------------------------------------------

    def call(
        self,
        kind: str,
        path: str,
        args: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> Any:
        """Call a function by HTTP and return its result in Convex's JSON form.

        Parameters
        ----------
        kind
            "query", "mutation" or "action".
        token
            A user's token; None calls without an identity.

        Raises
        ------
        FunctionFailed
            The function threw.
        Refused
            The deployment did not accept the request or the token.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._call(kind, path, args, headers)

    def call_as_admin(self, path: str, args: Mapping[str, Any] | None = None) -> Any:
        """Call any function, internal ones too, with the administrator's key."""
        return self._call("function", path, args, self._admin())

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows by table, as the dashboard shows them."""
        tables = self._call("query", "_system/cli/tables", {}, self._admin())["page"]
        found: dict[str, list[dict[str, Any]]] = {}
        for name in (table["name"] for table in tables):
            args = {"table": name, "order": "asc"}
            page = self._call("query", "_system/cli/tableData", args, self._admin())
            found[name] = page["page"]
        return found

    def _call(
        self, kind: str, path: str, args: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Any:
        body = {"path": path, "args": dict(args or {}), "format": "convex_encoded_json"}
        answer = self._http.post(f"/api/{kind}", json=body, headers=headers)
        said = answer.json()
        if answer.is_error:
            raise Refused(answer.status_code, said["code"], said["message"])
        if said["status"] == "error":
            raise FunctionFailed(said["errorMessage"], said.get("errorData"))
        return said["value"]

    def run_cron(self, name: str) -> None:
        """Run what a cron job runs, now."""
        self._control.post("/__cron", json={"name": name}).raise_for_status()

    # ---- measurements --------------------------------------------------------------------

    def stats(self) -> Stats:
        """Return what has been asked of the deployment; it answers while offline too."""
        return self._control.get("/__stats").json()

    def reset_stats(self) -> None:
        """Count from zero."""
        self._control.delete("/__stats").raise_for_status()


@contextmanager
def deployed(issuer: Issuer | None = None) -> Generator[ConvexServer, None, None]:
    """Start a deployment of the product's functions, pushed by the official CLI."""
    hatch = load_hatch_build()
    with ConvexServer(issuer) as server:
        with taking_turns():
            hatch.install_modules(FUNCTIONS, dev=True)
            hatch.npm(FUNCTIONS, "run", "--silent", "functions")
            server.deploy(FUNCTIONS)
        yield server
