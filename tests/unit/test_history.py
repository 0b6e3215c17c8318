"""Claude Code's own history: lines as CLI 2.1.330 writes them, read and never written."""

from __future__ import annotations

import json
import os
import sys

import pytest
from histories import SESSION, Scene, result, text, use

from ipyclaude.exceptions import HistoryError
from ipyclaude.history import ImportReport, find_history, import_history
from ipyclaude.messages import SessionInfo, ThinkingBlock, UnknownBlock


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


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_a_folder_whose_name_is_no_text(scene: Scene) -> None:
    """Importing again adds nothing, too, where a name is bytes that are no UTF-8 (S2)."""
    named = os.fsdecode(os.fsencode(scene.config) + b"\xff")
    scene.config = scene.config.rename(named)
    scene.path = scene.config / "projects" / "-home-ada" / scene.path.name
    scene.write(scene.user("one"), scene.claude(text("1")))
    assert scene.run().sessions == 1
    assert scene.run() == ImportReport()


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
