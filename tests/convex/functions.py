"""The functions that the tests' deployments get, and the official CLI, which pushes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock
from hatch import ROOT, load_hatch_build

from ipyclaude.api_version import API_VERSION

SERVER = ROOT / "tests/convex/server"
#: The product's functions, pushed from here by the official CLI.
FUNCTIONS = ROOT / "js"


def taking_turns() -> FileLock:
    """Return what lets one test process at a time install, generate and bundle in a folder."""
    folder = ROOT / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    return FileLock(folder / "npm.lock")


def run_cli(words: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> str:
    """Run the official CLI in a folder that has it installed; return what it prints."""
    hatch = load_hatch_build()
    main = folder / "node_modules/convex/bin/main.js"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONVEX_")}
    with hatch.node_environment() as node, tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            ["node", str(main), *words],
            cwd=folder,
            env={**clean, "PATH": node["PATH"], "CI": "1", "HOME": home, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"convex {' '.join(words)} failed\n{done.stdout}\n{done.stderr}"
    return done.stdout


def of_version(number: int, folder: Path) -> Path:
    """Return a copy of the product's functions, of another version, to be deployed."""
    target = folder / f"functions-{number}"
    shutil.copytree(FUNCTIONS / "convex", target / "convex")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(FUNCTIONS / name, target)
    (target / "node_modules").symlink_to(FUNCTIONS / "node_modules")
    version = target / "convex/version.ts"
    replace_in(version, f"API_VERSION = {API_VERSION}", f"API_VERSION = {number}")
    return target


def replace_in(file: Path, old: str, new: str) -> None:
    """Put one text in another's place, which must be there."""
    text = file.read_text()
    assert old in text, f"{file.name} does not hold {old!r}"
    file.write_text(text.replace(old, new, 1))


def build_push(folder: Path, target: Path) -> Path:
    """Write the push request of a folder's functions to a .json file, to start servers with."""
    words = ["deploy", "--url", "http://127.0.0.1:1", "--admin-key", "x", "--push-all-modules"]
    # The CLI adds .json to the name.
    stem = str(target.with_suffix(""))
    run_cli([*words, "--codegen", "disable", "--write-push-request", stem, "-y"], folder)
    return target
