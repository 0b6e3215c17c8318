"""The certified oidc-provider on loopback (tests/browser/provider), and a person at its pages."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx
from hatch import ROOT, load_hatch_build
from playwright.sync_api import Page
from ports import free_port

FOLDER = ROOT / "tests/browser/provider"
CLIENT = "ipyclaude"
_DEFAULTS: dict[str, Any] = {
    "slowDown": 0,
    "down": False,
    "idTokenSeconds": 600,
    "codeSeconds": 600,
    "device": True,
}


class OidcProvider:
    """One provider in a process of its own."""

    def __init__(self) -> None:
        hatch = load_hatch_build()
        hatch.install_modules(FOLDER)
        self.url = f"http://127.0.0.1:{free_port()}"
        with hatch.node_environment() as env:
            self._process = subprocess.Popen(
                ["node", "server.mjs", self.url],
                cwd=FOLDER,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == self.url

    @property
    def setting(self) -> dict[str, Any]:
        """What `c.IPyClaude.providers` says of it."""
        return {"test": {"issuer": self.url, "client_id": CLIENT}}

    @property
    def env(self) -> dict[str, str]:
        """The same for an environment."""
        return {"IPYCLAUDE_PROVIDERS": json.dumps(self.setting)}

    def set(self, **changes: Any) -> dict[str, Any]:
        """Change how it behaves; return that, and what its token endpoint answered so far."""
        return httpx.post(f"{self.url}/__set", json=changes).json()

    def reset(self) -> None:
        """Let it behave well."""
        self.set(**_DEFAULTS)

    @property
    def answers(self) -> list[int]:
        """The statuses of its token endpoint, oldest first."""
        return self.set()["seen"]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def agree(page: Page, login: str, *, device: bool = True) -> None:
    """Confirm the code, sign in and consent."""
    if device:
        page.get_by_role("button", name="Continue").click()
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def refuse(page: Page) -> None:
    """Say no on the page that shows the code."""
    page.get_by_role("button", name="Abort").click()
