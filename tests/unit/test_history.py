"""Claude Code's own history: lines as CLI 2.1.330 writes them, read and never written."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import fold_session_summary

from ipyclaude import history, history_writer
from ipyclaude.exceptions import HistoryError, StoreLocked
from ipyclaude.history import ImportReport, find_history, import_history
from ipyclaude.messages import SessionInfo, ThinkingBlock, UnknownBlock
from ipyclaude.store import _chunks, _imports
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


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give an empty scene."""
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()


def text(words: str) -> dict[str, Any]:
    """Make a text block."""
    return {"type": "text", "text": words}


def use(name: str, id_: str, **given: Any) -> dict[str, Any]:
    """Make a tool call."""
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def result(id_: str, content: str) -> list[dict[str, Any]]:
    """Make a tool's result."""
    return [{"type": "tool_result", "tool_use_id": id_, "content": content}]


def test_conversation(scene: Scene) -> None:
    """Prompts, thinking, tools, costs and to-dos come in; what isn't conversation stays raw."""
    entries = [
        {"type": "queue-operation", "operation": "enqueue", "sessionId": SESSION},
        scene.user("<command-name>/clear</command-name>"),
        scene.user("please \ud800 help", promptId="p"),
        scene.line(type="attachment", attachment={"type": "date", "$schema": 1}),
        scene.claude({"type": "thinking", "thinking": "hm"}, thinkingDurationMs=7),
        scene.claude(use("TaskCreate", "t1", subject="a"), stop="tool_use"),
        scene.user(result("t1", "Task #1 created successfully: a")),
        scene.claude(use("TaskUpdate", "t2", taskId="1", status="completed"), stop="tool_use"),
        scene.user(result("t2", "Updated task #1 status")),
        scene.claude(text("done \U0001f600"), {"type": "brand_new", "x": [1]}),
        scene.line(type="ai-title", aiTitle="Helping"),
        scene.line(type="cost-state", totalCostUSD=0.25),
    ]
    scene.write(*entries)
    report = scene.run()
    assert (report.sessions, report.bad_lines, report.skipped) == (1, [], [])
    info = scene.session()
    assert (info.name, info.title, info.cwd) == ("Helping", "please \ud800 help", "/home/ada")
    assert (info.claude_session_id, info.cost_usd) == (SESSION, 0.25)
    kinds = [kind for kind, _ in scene.shown()]
    assert kinds == ["user", "user", *["assistant"] * 2, "tool", "assistant", "tool", "assistant"]
    messages = scene.store.messages(info.client_id).messages
    thinking = next(b for m in messages for b in m.content if isinstance(b, ThinkingBlock))
    assert thinking.duration_ms == 7
    assert any(isinstance(b, UnknownBlock) for m in messages for b in m.content)
    assert [t.status for t in scene.store.todos(info.client_id).todos] == ["completed"]
    assert scene.raw() == entries
    usage = scene.store.usage(info.client_id)
    assert (usage[0]["cost_usd"], usage[0]["turns"]) == (0.25, 1)


def test_twice_and_grown(scene: Scene) -> None:
    """Importing again adds nothing; a file that grew adds what is new, once (S2)."""
    scene.write(scene.user("one"), scene.claude(text("1")), {"type": "mode"})
    first = scene.run()
    messages = scene.store.messages(scene.session().client_id).messages
    assert scene.run() == ImportReport()
    assert scene.store.messages(scene.session().client_id).messages == messages
    scene.write(scene.claude(text("more")), scene.user("two"), scene.claude(text("2")))
    second = scene.run()
    assert (first.sessions, second.sessions) == (1, 1)
    assert [t for _, t in scene.shown()] == ["one", "1", "more", "two", "2"]
    rows = scene.store.messages(scene.session().client_id).messages
    assert len([m for m in rows if m.type == "result"]) == 2
    assert len(scene.raw()) == 6


def test_a_file_that_is_named_twice(scene: Scene) -> None:
    """A file that is named twice is read once, though nothing of it was known before."""
    entries = [scene.user("one"), scene.claude(text("1"))]
    scene.write(*entries)
    report = import_history(scene.store, scene.transcripts, [scene.path, scene.path])
    assert (report.sessions, report.messages) == (1, 3)
    assert [said for _, said in scene.shown()] == ["one", "1"]
    assert scene.raw() == entries


def test_a_name_given_here_is_kept(scene: Scene) -> None:
    """A session that was renamed here keeps its name when more of it is imported."""
    scene.write(scene.user("one"), scene.claude(text("1")))
    scene.run()
    scene.store.put(scene.session().model_copy(update={"name": "mine"}))
    scene.write(scene.line(type="ai-title", aiTitle="Theirs"))
    scene.run()
    assert scene.session().name == "mine"


def test_subagents(scene: Scene) -> None:
    """Subagents stand in their turn, under their call, and keep a transcript of their own."""
    folder = scene.path.with_suffix("") / "subagents"
    scene.write(
        scene.user("go"),
        scene.claude(use("Agent", "toolu_1", prompt="sub"), stop="tool_use"),
        scene.user(result("toolu_1", "ok")),
        scene.claude(text("end")),
    )
    agent = [
        scene.user("sub", isSidechain=True, agentId="a1"),
        scene.claude(text("from below"), isSidechain=True, agentId="a1"),
    ]
    scene.write(*agent, path=folder / "agent-a1.jsonl")
    (folder / "agent-a1.meta.json").write_text(json.dumps({"toolUseId": "toolu_1"}))
    scene.run()
    rows = scene.store.messages(scene.session().client_id).messages
    assert [m.text for m in rows if m.type != "result"] == [
        "go",
        "",
        "sub",
        "from below",
        "",
        "end",
    ]
    below = [m for m in rows if m.parent_tool_use_id == "toolu_1"]
    assert [m.text for m in below] == ["sub", "from below"]
    assert len({m.turn_id for m in rows}) == 1
    metadata = {"toolUseId": "toolu_1", "type": "agent_metadata"}
    assert scene.raw("subagents/agent-a1") == [*agent, metadata]
    assert scene.run() == ImportReport()
    assert len(scene.raw("subagents/agent-a1")) == 3


def test_sidechain_in_the_main_file(scene: Scene) -> None:
    """Older CLIs' sidechains are put under the call whose prompt they begin with."""
    scene.write(
        scene.user("go"),
        scene.claude(use("Task", "toolu_9", prompt="sub"), stop="tool_use"),
        scene.user("sub", isSidechain=True, parentUuid=None, uuid="root"),
        scene.claude(text("below"), isSidechain=True, parentUuid="root"),
    )
    scene.run()
    rows = scene.store.messages(scene.session().client_id).messages
    assert [m.text for m in rows if m.parent_tool_use_id == "toolu_9"] == ["sub", "below"]


def test_bad_lines(scene: Scene) -> None:
    """A bad line is named with file and number and kept raw; all the rest comes in (S7, S14)."""
    deep = "[" * 100_000 + "]" * 100_000
    scene.write(scene.user("one"), '{"type": "user", "mess\n', "[1]\n", "\n", deep + "\n")
    with scene.path.open("ab") as file:
        file.write(b"\xff\xfe\n")
    scene.write(scene.claude(text("two")), '{"half')
    report = scene.run()
    assert [bad.line for bad in report.bad_lines] == [2, 3, 5, 6, 8]
    assert {bad.path for bad in report.bad_lines} == {scene.path}
    assert all(bad.reason for bad in report.bad_lines)
    rows = scene.store.messages(scene.session().client_id).messages
    raws = [b.raw for m in rows for b in m.content if isinstance(b, UnknownBlock)]
    assert raws == ['{"type": "user", "mess', "[1]", deep, "\udcff\udcfe"]
    assert [t for kind, t in scene.shown() if kind != "system"] == ["one", "two"]
    assert len(scene.raw()) == 2
    scene.write('": 1}\n', scene.user("three"))
    assert scene.run().bad_lines == []
    assert scene.shown()[-1] == ("user", "three")


@pytest.mark.parametrize("stop", range(1, 6))
def test_interrupted(scene: Scene, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    """An import that is cut off goes on where it was; nothing is missing, nothing twice."""
    monkeypatch.setattr(history, "_BATCH_LINES", 2)
    entries = [line for n in range(6) for line in (scene.user(str(n)), {"type": "mode", "n": n})]
    scene.write(*entries)

    class PowerCutError(Exception):
        pass

    def cut(*_: object) -> None:
        nonlocal stop
        stop -= 1
        if not stop:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        import_history(scene.store, scene.transcripts, [scene.path], progress=cut)
    scene.run()
    assert [t for _, t in scene.shown()] == list("012345")
    assert scene.raw() == entries


def test_read_only(scene: Scene) -> None:
    """The history is not written, moved or deleted (S13)."""
    scene.write(scene.user("one"), "bad\n")
    before = _state(scene.config)
    scene.run()
    scene.run()
    assert _state(scene.config) == before


def _state(folder: Path) -> list[tuple[str, str, int]]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    return [
        (str(p), hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files
    ]


def test_a_session_that_is_just_being_stored_is_known(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second file of one session is read once the first is stored: it is skipped, as ever."""
    looked, session = threading.Event(), _imports.session

    def look(*args: Any) -> Any:
        found = session(*args)
        if args[1] == "claude_session_id" and scene.progress:  # it is the second file's turn
            looked.set()
        return found

    def write(*args: Any) -> None:
        looked.wait(0.5)
        store(*args)

    store = _chunks.write
    monkeypatch.setattr(_imports, "session", look)
    monkeypatch.setattr(history_writer, "write", write)
    monkeypatch.setattr(history_writer, "_ENOUGH", 1)
    scene.write(scene.user("one"))
    scene.write(scene.user("two"), path=scene.path.parent.parent / "-other" / scene.path.name)
    assert len(scene.run().skipped) == 1
    assert len(scene.store.sessions()) == 1


def test_what_is_skipped(scene: Scene) -> None:
    """A session that is here already, or was deleted here, is skipped and the report says so."""
    scene.write(scene.user("one"))
    info = SessionInfo(name="live", cwd="", claude_session_id=SESSION)
    scene.store.put(info)
    report = scene.run()
    assert "live" in report.skipped[0].reason
    scene.store.delete_session(info.client_id)
    assert scene.run().sessions == 1
    scene.store.delete_session(scene.session().client_id)
    report = scene.run()
    assert "deleted" in report.skipped[0].reason
    assert scene.store.sessions() == []


def test_an_empty_file_is_no_session(scene: Scene) -> None:
    """A file with nothing whole in it makes no session, until there is something."""
    scene.path.write_text("")
    assert scene.run().sessions == 0
    scene.path.write_text('{"type": "user", "uu')
    assert [bad.line for bad in scene.run().bad_lines] == [1]
    assert scene.store.sessions() == []
    scene.write(scene.user("one"))
    assert scene.run().sessions == 1


def test_a_file_without_times_has_its_own(scene: Scene) -> None:
    """A session whose lines say no time was last active when its file was written."""
    scene.path.write_text("nothing that can be read\n")
    assert scene.run().messages == 1
    assert scene.session().last_activity_at == scene.path.stat().st_mtime_ns / 1e6


def test_rewritten_file(scene: Scene) -> None:
    """A file that was made anew and is shorter is read from its start."""
    scene.write(scene.user("one"), scene.claude(text("1")), scene.user("two"))
    scene.run()
    lines = scene.path.read_text().splitlines(keepends=True)
    scene.path.write_text(lines[0])
    scene.run()
    assert len(scene.raw()) == 1


def test_progress(scene: Scene) -> None:
    """Progress grows to the total, in bytes."""
    scene.write(*(scene.user(str(n)) for n in range(4100)))
    scene.run()
    done = [done for done, _, _ in scene.progress]
    assert done == sorted(done)
    assert len(done) >= 3
    assert scene.progress[-1] == (scene.path.stat().st_size, scene.path.stat().st_size, scene.path)


def test_find(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """History is looked for in CLAUDE_CONFIG_DIR; none is no error, a wrong path is one."""
    scene.write(scene.user("one"))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(scene.config))
    assert [file.session_id for file in find_history()] == [SESSION]
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(scene.config / "nothing"))
    assert find_history() == []
    with pytest.raises(HistoryError) as caught:
        import_history(scene.store, scene.transcripts, [scene.config / "nothing.jsonl"])
    assert "nothing.jsonl" in str(caught.value)


@pytest.mark.parametrize("at", [1, 2])
def test_what_could_not_be_stored_is_told_and_comes_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """An import that the store refuses in the middle says so; the next one brings the rest."""
    monkeypatch.setattr(history, "_BATCH_LINES", 2)
    entries = [scene.user(str(number)) for number in range(6)]
    scene.write(*entries)
    batch, calls = scene.store.batch, itertools.count(1)

    @contextmanager
    def refusing(**how: bool) -> Generator[Any, None, None]:
        with batch(**how) as made:
            yield made
            if next(calls) == at:
                raise StoreLocked("The store is locked.")

    with monkeypatch.context() as patched:
        patched.setattr(scene.store, "batch", refusing)
        with pytest.raises(StoreLocked):
            scene.run()
    scene.run()
    assert [said for _, said in scene.shown()] == list("012345")
    assert scene.raw() == entries
