"""Tokens and programs that print them, for the tests of token sources."""

from __future__ import annotations

import base64
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path

_numbers = itertools.count(1)


def jwt(**claims: object) -> str:
    """Make the outside of a JWT."""
    parts = [{"alg": "none"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*texts, "c2VjcmV0"])


def fresh_jwt(expires_at: float) -> str:
    """Make one that differs from all others; `expires_at` in epoch ms."""
    return jwt(exp=expires_at / 1000, jti=next(_numbers))


class Clock:
    """A clock that a test moves, in epoch ms."""

    def __init__(self, real: Callable[[], float]) -> None:
        self._real, self._ahead = real, 0.0

    def __call__(self) -> float:
        return self._real() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self._ahead += seconds * 1000


class Helper:
    """A credential helper: a Python program in a file, which keeps what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "printed"
        self.says("print(json.dumps({'token': fresh(), 'expires_at': time.time() + 600}))")

    @property
    def command(self) -> list[str]:
        return [sys.executable, str(self.folder / "helper.py")]

    def says(self, code: str) -> None:
        """Make it run this from now on."""
        (self.folder / "helper.py").write_text(_HEAD.format(log=str(self.log), code=code))

    def printed(self) -> list[str]:
        """Return every token so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []


_HEAD = """
import base64, json, subprocess, sys, time, uuid
def fresh():
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    made = ".".join([part({{"alg": "none"}}), part({{"jti": uuid.uuid4().hex}}), "c2VjcmV0"])
    with open({log!r}, "a") as log:
        log.write(made + chr(10))
    return made
{code}
"""
