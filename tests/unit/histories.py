"""A Claude Code folder with one session in it, and the store that it is imported into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claude_agent_sdk import fold_session_summary

from ipyclaude.history import ImportReport, import_history
from ipyclaude.messages import SessionInfo
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore

SESSION = "f7a0bf0f-5971-4fc7-b3c8-398ad00ab4f4"


class Scene:
    """A store, and a Claude Code folder with one session in it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "claude"
        self.path = self.config / "projects" / "-home-ada" / f"{SESSION}.jsonl"
        self.path.parent.mkdir(parents=True)
        self.store = SqliteStore(folder / "store.db")
        self.transcripts = TranscriptStore(self.store, fold=fold_session_summary)
        self.clock = 0
        self.progress: list[tuple[int, int, Path]] = []

    def line(self, **entry: Any) -> dict[str, Any]:
        """Make an entry with an id and a time, as the CLI does."""
        self.clock += 1
        return {
            "uuid": f"uuid-{self.clock}",
            "timestamp": f"2026-11-24T04:{self.clock // 60:02}:{self.clock % 60:02}.500Z",
            "cwd": "/home/ada",
            "sessionId": SESSION,
            "isSidechain": False,
            **entry,
        }

    def user(self, content: Any, **more: Any) -> dict[str, Any]:
        """Make a prompt or a tool's result."""
        return self.line(type="user", message={"role": "user", "content": content}, **more)

    def claude(self, *blocks: Any, stop: str = "end_turn", **more: Any) -> dict[str, Any]:
        """Make a message of Claude's."""
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {
            "id": f"msg_{self.clock}",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": list(blocks),
            "stop_reason": stop,
            "usage": usage,
        }
        return self.line(type="assistant", message=message, **more)

    def write(self, *entries: Any, path: Path | None = None) -> None:
        """Append lines; a text goes in as it is."""
        path = path or self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            for entry in entries:
                file.write(entry if isinstance(entry, str) else json.dumps(entry) + "\n")

    def run(self) -> ImportReport:
        """Import all."""
        return import_history(
            self.store,
            self.transcripts,
            [self.config / "projects"],
            progress=lambda done, total, path: self.progress.append((done, total, path)),
        )

    def session(self) -> SessionInfo:
        """Return the one session."""
        (info,) = self.store.sessions()
        return info

    def shown(self) -> list[tuple[str, str]]:
        """Return type and text of all messages but results."""
        rows = self.store.messages(self.session().client_id, limit=10_000).messages
        return [(m.type, m.text) for m in rows if m.type != "result"]

    def raw(self, subpath: str = "") -> Any:
        """Return the transcript, as another server would find it."""
        key: Any = {"project_key": "elsewhere", "session_id": SESSION}
        if subpath:
            key["subpath"] = subpath
        return self.transcripts.load_now(key)


def text(words: str) -> dict[str, Any]:
    """Make a text block."""
    return {"type": "text", "text": words}


def use(name: str, id_: str, **given: Any) -> dict[str, Any]:
    """Make a tool call."""
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def result(id_: str, content: str) -> list[dict[str, Any]]:
    """Make a tool's result."""
    return [{"type": "tool_result", "tool_use_id": id_, "content": content}]
