"""The README and the other documents tell the truth: what they name exists, and runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ipyclaude.cli import make_parser
from ipyclaude.commands import COMMANDS
from ipyclaude.options import parse
from ipyclaude.settings import IPyClaude

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "CHANGELOG.md", "docs/jupyterhub-admins.md", "docs/signing-in.md")
#: What the documents say is made, or is somebody else's, and so is not in a checkout.
MADE = {"people", ".demo", ".venv-demo", ".venv-test", "test-artifacts", "jupyterhub_config.py"}
_PATH = re.compile(r"`((?:\.?[\w-]+/)+[\w.{},-]*|[\w-]+\.(?:md|toml|py|lock)|LICENSE)`")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    """No document names a file or folder of the project that is gone."""
    named = set(_PATH.findall((ROOT / document).read_text()))
    gone = [n for n in named if n.split("/")[0] not in MADE and not (ROOT / n).exists()]
    assert named
    assert gone == []


def test_shell_commands_are_right() -> None:
    """Each shell command of the README is a script of ours, `ipyclaude`, or a pip install."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.strip()]
    assert {"scripts/demo", "scripts/test"} <= set(lines)
    for line in lines:
        program, *rest = shlex.split(line, comments=True)
        if program == "ipyclaude":
            make_parser().parse_args(rest)
        elif program.startswith("scripts/"):
            done = subprocess.run(
                [sys.executable, ROOT / program, *rest, "--help"], capture_output=True, check=True
            )
            assert done.stdout
        else:
            assert [program, *rest][:2] == ["pip", "install"]


def test_settings_are_right() -> None:
    """The page of settings lists every one, with the variable that its own help names."""
    page = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? ?\|", page, re.M)
    traits = IPyClaude.class_traits(config=True)
    assert sorted(name for name, _ in rows) == sorted(traits)
    for name, variable in rows:
        named = re.findall(r"\(((?:IPYCLAUDE|CONVEX)_\w+)[,)]", traits[name].help)
        assert named == ([variable] if variable else []), name


def test_magics_are_right() -> None:
    """Each magic of the README is one that there is, with options that it takes."""
    code = "\n".join(blocks("python"))
    sessions = re.findall(r"^%claude_session (\w+)", code, re.M)
    assert sessions
    assert set(sessions) <= set(COMMANDS)
    cells = re.findall(r"^%%claude(.*)\n((?:(?!%|\n).+\n)+)", code, re.M)
    assert cells
    for line, cell in cells:
        assert parse(line, cell).prompt
        assert "{" not in cell  # a name that whoever tries it does not have
    # IPython takes a cell magic in a cell's first line only.
    assert [block for block in blocks("python") if "%%" in block.removeprefix("%%")] == []
