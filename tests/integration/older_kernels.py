"""Other versions of ipykernel, each in an environment of its own, kept from run to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
#: Beside the installed one (7.4): each treats messages to a busy kernel in another way.
OLDER = ("7.1.0", "6.31.0")


def python_with(ipykernel: str) -> Path:
    """Return a Python that has this ipykernel, and this ipyclaude with what the lock file says."""
    folder = ROOT / ".pytest_cache" / f"ipykernel-{ipykernel}-py{sys.version_info[1]}"
    python, stamp = folder / "bin" / "python", folder / "made-from"
    lock = (ROOT / "uv.lock").read_text()
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (stamp.is_file() and stamp.read_text() == lock):
            _make(folder, python, ipykernel)
            stamp.write_text(lock)
    return python


def _make(folder: Path, python: Path, ipykernel: str) -> None:
    _uv("venv", "--clear", "--python", sys.executable, str(folder))
    locked = _uv("export", "--frozen", "--no-emit-project", "--no-hashes")
    (folder / "locked.txt").write_text(locked)
    wanted = ["-r", "pyproject.toml", "-c", str(folder / "locked.txt"), f"ipykernel=={ipykernel}"]
    _uv("pip", "install", "--python", str(python), *wanted)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "ipyclaude.pth").write_text(str(ROOT / "src"))


def _uv(*words: str) -> str:
    """Run uv, which scripts/test has put beside this Python; return what it says."""
    command = [sys.executable, "-m", "uv", "--quiet", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
