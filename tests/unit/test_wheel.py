"""What `pip install .` puts on a machine."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_holds_the_bundle(wheel: zipfile.ZipFile) -> None:
    """The wheel holds the widget's script and its styles, and they are not empty."""
    assert wheel.getinfo("ipyclaude/static/widget.js").file_size > 1000
    assert wheel.getinfo("ipyclaude/static/widget.css").file_size > 100
    assert b"export" in wheel.read("ipyclaude/static/widget.js")


def test_is_typed(wheel: zipfile.ZipFile) -> None:
    """The wheel says to type checkers that it is typed."""
    assert "ipyclaude/py.typed" in wheel.namelist()


def test_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    """The wheel holds no tests, no page sources, no build stamp and nothing outside its package."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"ipyclaude", next(top for top in tops if top.endswith(".dist-info"))}
    unwanted = [
        name
        for name in wheel.namelist()
        if "tests/" in name
        or "node_modules" in name
        or "_generated" in name
        or name.endswith((".sources", ".pyc"))
        or (name.endswith(".ts") and not name.startswith("ipyclaude/convex/"))
    ]
    assert unwanted == []


def test_holds_every_module(wheel: zipfile.ZipFile) -> None:
    """Each Python file of the source tree is in the wheel, and no other is."""
    here = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    packed = {name for name in wheel.namelist() if name.endswith(".py")}
    assert packed == here


def test_holds_the_functions(wheel: zipfile.ZipFile) -> None:
    """The Convex functions are in the wheel, each as it is here, with what deploys them."""
    here = {
        **{
            f"ipyclaude/convex/convex/{path.relative_to(ROOT / 'js/convex').as_posix()}": path
            for path in (ROOT / "js/convex").rglob("*.ts")
            if "_generated" not in path.parts
        },
        **{
            f"ipyclaude/convex/{name}": ROOT / "js/deploy" / name
            for name in ("package.json", "package-lock.json")
        },
    }
    packed = {name for name in wheel.namelist() if name.startswith("ipyclaude/convex/")}
    assert packed == set(here)
    for name, path in here.items():
        assert wheel.read(name) == path.read_bytes()


def test_holds_the_licence(wheel: zipfile.ZipFile) -> None:
    """The licence travels with the wheel."""
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
