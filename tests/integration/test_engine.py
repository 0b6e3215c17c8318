"""The real Claude CLI, run by `ClaudeEngine`, on a scripted model."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_bench import opened

from ipyclaude.engine import (
    BlockDelta,
    Decision,
    Engine,
    EngineEvent,
    Heard,
    MessageDone,
    TodosChanged,
    TurnEnded,
)
from ipyclaude.messages import (
    ImageBlock,
    ServerToolResultBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from ipyclaude.testing.engine_contract import EngineContract, run_turn
from ipyclaude.testing.replies import (
    Answer,
    Reply,
    hold,
    server_error,
    server_tool,
    text,
    thinking,
    tool,
    unknown_block,
)
from ipyclaude.testing.requests import Request

pytestmark = pytest.mark.asyncio


def _answer(prompt: str, release: threading.Event) -> Answer:
    if prompt == "fail":
        return server_error()
    return Reply("part", hold(release)) if prompt == "hang" else Reply("Hello there")


class TestClaudeEngine(EngineContract):
    @asynccontextmanager
    async def make_engine(self, tmp_path: Path, *prompts: str) -> AsyncGenerator[Engine]:
        release = threading.Event()
        async with opened(tmp_path, *(_answer(prompt, release) for prompt in prompts)) as bench:
            yield bench.made
            release.set()


async def test_thinking_and_unknown_blocks_are_kept(tmp_path: Path) -> None:
    """Thinking, server tools and a block of no known type all arrive whole (S7)."""
    found = server_tool("web_search", [{"type": "web_search_result", "url": "u"}], query="q")
    hologram = {"type": "hologram", "data": "x"}
    async with opened(
        tmp_path, Reply(thinking("hm"), *found, unknown_block(hologram), "end")
    ) as bench:
        run = await run_turn(bench.made, "go")
    kinds = [type(found) for found in run.blocks]
    assert kinds[0] is ThinkingBlock
    assert ServerToolResultBlock in kinds
    assert [b.raw for b in run.blocks if isinstance(b, UnknownBlock)] == [hologram]


async def test_empty_blocks_match_nothing(tmp_path: Path) -> None:
    """A text after an empty one lands under its own index."""
    async with opened(tmp_path, Reply(text(""), "b")) as bench:
        run = await run_turn(bench.made, "go")
    assert [done.first_index for done in run.of(MessageDone)] == [1]


@pytest.mark.parametrize("allow", [True, False])
async def test_a_tool_runs_only_if_allowed(tmp_path: Path, *, allow: bool) -> None:
    """A command is asked about with its real input, and runs only if it was allowed (S12)."""
    call = tool("Bash", command="touch made.txt", description="make")
    decision = Decision(allow=allow, reason="not now")
    async with opened(tmp_path, Reply(call), "end", decision=decision) as bench:
        run = await run_turn(bench.made, "go")
    assert [(r.name, r.input["command"]) for r in bench.asked] == [("Bash", "touch made.txt")]
    assert (tmp_path / "here/work/made.txt").exists() is allow
    assert [b.is_error for b in run.blocks if isinstance(b, ToolResultBlock)] == [not allow]


async def test_an_edited_input_is_what_runs(tmp_path: Path) -> None:
    """The input that the decision gives replaces Claude's, and Claude is told of it."""
    call = tool("Bash", command="touch made.txt", description="make")
    decision = Decision(allow=True, input={"command": "touch other.txt"})
    async with opened(tmp_path, Reply(call), "end", decision=decision) as bench:
        await run_turn(bench.made, "go")
    assert [p.name for p in (tmp_path / "here/work").iterdir()] == ["other.txt"]
    heard = json.dumps(bench.model.requests[-1]["messages"])
    assert "The user edited this call before it ran" in heard
    assert "touch other.txt" in heard


@pytest.mark.parametrize("when", ["before a tool's result", "in the last words"])
async def test_words_put_into_a_turn_are_heard_in_it(tmp_path: Path, when: str) -> None:
    """Claude hears them at its next step, and the turn ends when all is answered."""
    gate = threading.Event()
    long = Reply(text("One, two, three.", chunk_chars=4, hold=gate))
    if when == "in the last words":
        script = [long, "Turned left."]
    else:
        call = tool("Bash", command="true", description="wait")
        script = [Reply(text("One, two, three.", chunk_chars=4, hold=gate), call), "Turned left."]
    async with opened(tmp_path, *script) as bench:
        events: list[EngineEvent] = []
        async for event in bench.made.ask((TextBlock(text="go"),)):
            events.append(event)
            if isinstance(event, BlockDelta) and not gate.is_set():
                await bench.made.steer((TextBlock(text="turn left"),), uuid=str(uuid.uuid4()))
                gate.set()
    kinds = [type(e) for e in events]
    assert kinds.count(TurnEnded) == 1
    assert kinds.index(Heard) < kinds.index(TurnEnded)
    assert "turn left" in json.dumps(bench.model.requests[1]["messages"])
    last = events[-1]
    assert isinstance(last, TurnEnded)
    assert last.result.output_tokens > 20, "the runs are counted together"


async def test_a_stopped_turn_does_not_go_on_with_what_was_put_into_it(tmp_path: Path) -> None:
    """What Claude had yet to hear when it was stopped is never asked."""
    hang = Reply(text("One, two.", chunk_chars=4, hold=threading.Event()))
    async with opened(tmp_path, hang, "fine again") as bench:
        async for event in bench.made.ask((TextBlock(text="go"),)):
            if isinstance(event, BlockDelta):
                await bench.made.steer((TextBlock(text="turn left"),), uuid=str(uuid.uuid4()))
                await bench.made.interrupt()
            assert not isinstance(event, Heard)
        after = await run_turn(bench.made, "and now?")
    assert after.text == "fine again"
    assert "turn left" not in json.dumps(bench.model.requests[-1]["messages"])


@pytest.mark.parametrize("family", ["TodoWrite", "TaskCreate"])
async def test_both_todo_families_become_todos(tmp_path: Path, family: str) -> None:
    """`TodoWrite`, and `TaskCreate` with `TaskUpdate`, end in the same list."""
    env = {"ENABLE_TOOL_SEARCH": "0"}
    if family == "TodoWrite":
        env["CLAUDE_CODE_ENABLE_TASKS"] = "0"
        done = {"content": "a", "status": "completed", "activeForm": "doing a"}
        script = [Reply(tool("TodoWrite", todos=[done])), "end"]
    else:
        made = tool("TaskCreate", subject="a", description="a", activeForm="doing a")
        moved = tool("TaskUpdate", taskId="1", status="completed")
        script = [Reply(made), Reply(moved), "end"]
    async with opened(tmp_path, *script, env=env) as bench:
        run = await run_turn(bench.made, "go")
    last = run.of(TodosChanged)[-1].todos
    assert [(t.content, t.status, t.active_form) for t in last] == [("a", "completed", "doing a")]


async def test_a_subagents_todos_stand_under_its_call(tmp_path: Path) -> None:
    """What a subagent means to do is in the same list, under the call that started it."""
    mine = {"content": "mine", "activeForm": "Mine", "status": "in_progress"}
    theirs = {"content": "theirs", "activeForm": "Theirs", "status": "pending"}
    call = {"description": "d", "prompt": "sub work", "subagent_type": "general-purpose"}

    steps = {
        "go": [tool("TodoWrite", todos=[mine]), tool("Task", call), text("Over.")],
        "sub work": [tool("TodoWrite", todos=[theirs]), text("Sub over.")],
    }

    def answer(request: Request) -> Answer:
        # By what was said already, not by turns: a slow request may come twice.
        whose = "sub work" if "sub work" in request.prompts[0] else "go"
        said = sum(message["role"] == "assistant" for message in request["messages"])
        return Reply(steps[whose][said])

    env = {"CLAUDE_CODE_ENABLE_TASKS": "0", "ENABLE_TOOL_SEARCH": "0"}
    async with opened(tmp_path, answer, env=env) as bench:
        run = await run_turn(bench.made, "go")
    todos = run.of(TodosChanged)[-1].todos
    [started] = [b for b in run.blocks if isinstance(b, ToolUseBlock) and b.name == "Task"]
    assert [(t.content, t.parent_tool_use_id) for t in todos] == [
        ("mine", None),
        ("theirs", started.id),
    ]


@pytest.mark.parametrize("isolated", [False, True])
async def test_how_it_is_set_up_reaches_the_cli(tmp_path: Path, *, isolated: bool) -> None:
    """System prompt, folders and environment hold; `isolated` leaves out the project's settings."""
    (tmp_path / "more").mkdir()
    work = tmp_path / "here" / "work"
    work.mkdir(parents=True)
    (work / "CLAUDE.md").write_text("The project says moo.")
    set_up: dict[str, Any] = {
        "append_system_prompt": "Always rhyme.",
        "add_dirs": (str(tmp_path / "more"),),
        "isolated": isolated,
    }
    call = Reply(tool("Bash", command="echo $TALE", description="tell"))
    async with opened(tmp_path, call, "end", env={"TALE": "a-told-tale"}, **set_up) as bench:
        await run_turn(bench.made, "go")
    first, second = (json.dumps(request) for request in bench.model.requests)
    assert "Always rhyme." in first
    assert str(tmp_path / "more") in first
    assert ("The project says moo." in first) is not isolated
    assert "a-told-tale" in second


async def test_an_image_reaches_the_model(tmp_path: Path) -> None:
    """An image block is sent to the model as it is."""
    data = base64.b64encode(_PNG).decode()
    image = ImageBlock(source={"type": "base64", "media_type": "image/png", "data": data})
    async with opened(tmp_path, "seen") as bench:
        await run_turn(bench.made, TextBlock(text="look"), image)
    assert '"image/png"' in bench.model.requests[0].text


_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_a_structured_answer(tmp_path: Path) -> None:
    """With a schema the result holds the structured answer."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    script = [Reply(tool("StructuredOutput", a=3)), "done"]
    async with opened(tmp_path, *script, output_schema=schema) as bench:
        run = await run_turn(bench.made, "go")
    assert run.result.structured_output == {"a": 3}


async def test_costs_are_per_turn(tmp_path: Path) -> None:
    """Two like turns cost the same, though the CLI counts on; so after a reconnect."""
    async with opened(tmp_path, "one", "two", "three") as bench:
        costs = [(await run_turn(bench.made, "go")).result.cost_usd for _ in range(2)]
        await bench.made.configure(replace(bench.options, effort="low"))
        costs.append((await run_turn(bench.made, "go")).result.cost_usd)
    assert costs[0] > 0
    assert costs == [pytest.approx(costs[0])] * 3


async def test_what_changes_between_turns(tmp_path: Path) -> None:
    """Model, effort and plan mode hold from the next turn on, and the memory stays."""
    async with opened(tmp_path, "one", "two", "three") as bench:
        await run_turn(bench.made, "first")
        await bench.made.configure(replace(bench.options, model="claude-haiku-4-5"))
        await run_turn(bench.made, "second")
        # Back to the default model, by a new process: the other one must not stick.
        changed = replace(bench.options, effort="low", permission_mode="plan")
        await bench.made.configure(changed)
        await run_turn(bench.made, "third")
    first, second, third = bench.model.requests
    assert second.model.startswith("claude-haiku-4-5")
    assert third.model == first.model
    assert third["output_config"]["effort"] == "low"
    assert third.prompts == ("first", "second", "third")


async def test_resumes_elsewhere_from_the_store_alone(tmp_path: Path) -> None:
    """Another folder and another config folder go on with Claude's memory."""
    async with opened(tmp_path, "one") as bench:
        await run_turn(bench.made, "first")
        await bench.made.close()
        moved = bench.engine(at="there", env={}, resume=bench.options.session_id)
        await run_turn(moved, "second")
        await moved.close()
    assert bench.model.requests[-1].prompts == ("first", "second")


async def test_forks(tmp_path: Path) -> None:
    """A fork remembers, has its own id, and leaves the first conversation as it was."""
    async with opened(tmp_path, "one") as bench:
        first = bench.made
        await run_turn(first, "first")
        fork = bench.engine(env={}, resume=bench.options.session_id, fork=True)
        await run_turn(fork, "in the fork")
        await fork.close()
        await run_turn(first, "second")
        await first.close()
    assert [r.prompts for r in bench.model.requests] == [
        ("first",),
        ("first", "in the fork"),
        ("first", "second"),
    ]
