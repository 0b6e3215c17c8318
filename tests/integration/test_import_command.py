"""`ipyclaude import`, as a person runs it in a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipyclaude.store.sqlite import SqliteStore

SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Desk:
    """A home with Claude Code's history of one project."""

    def __init__(self, root: Path) -> None:
        self.work, self.data = root / "work", root / "data"
        self.work.mkdir()
        # The CLI names a project's folder after its path.
        project = "".join(c if c.isalnum() else "-" for c in str(self.work))
        self.file = root / "claude" / "projects" / project / f"{SESSION}.jsonl"
        self.file.parent.mkdir(parents=True)
        self.env = {
            **os.environ,
            "CLAUDE_CONFIG_DIR": str(root / "claude"),
            "IPYCLAUDE_DATA_DIR": str(self.data),
        }

    def entry(self, number: int, role: str, content: Any) -> str:
        """Return a line as the CLI writes it."""
        uuid = f"{number:08}-1111-4111-8111-111111111111"
        return json.dumps(
            {
                "type": role, "uuid": uuid, "parentUuid": None, "sessionId": SESSION,
                "cwd": str(self.work), "timestamp": f"2026-01-01T00:00:{number:02}Z",
                "message": {"id": uuid, "role": role, "content": content},
            }
        )  # fmt: skip

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `ipyclaude import` in the project's folder."""
        program = Path(sys.executable).with_name("ipyclaude")
        return subprocess.run(
            [str(program), "import", *words],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_projects_history_is_read_once_and_stays(desk: Desk) -> None:
    """What is new is read and counted, a bad line is named, and no file is changed (S13)."""
    lines = [
        desk.entry(1, "user", "an old question"),
        "{broken",
        desk.entry(2, "assistant", [{"type": "text", "text": "an old answer"}]),
    ]
    desk.file.write_text("\n".join(lines) + "\n")
    before = desk.file.read_bytes()
    done = desk.run()
    assert done.returncode == 0, done.stderr
    assert "1 session, 3 messages imported." in done.stdout
    assert f"{desk.file.name}:2:" in done.stdout
    assert "Nothing new was found to import." in desk.run("--all").stdout
    with desk.file.open("a") as history:
        history.write(desk.entry(3, "user", "and another") + "\n")
    assert "1 message imported." in desk.run(str(desk.file)).stdout
    assert desk.file.read_bytes().startswith(before)
    store = SqliteStore(desk.data / "ipyclaude.sqlite3")
    [hit] = store.search("old answer")
    store.close()
    assert hit.session.claude_session_id == SESSION


def test_a_mistake_is_one_message(desk: Desk) -> None:
    """What is not there is said with what to do, without a traceback."""
    done = desk.run("no-such.jsonl")
    assert done.returncode == 1
    assert "Do:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Import all with --all" in desk.run().stdout
    assert desk.run("--nonsense").returncode == 2
