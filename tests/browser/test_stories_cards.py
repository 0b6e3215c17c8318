"""What Claude calls on, each by its own card in a real JupyterLab: searches, the web, helpers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bare_host import hook
from lab_server import JupyterServer
from live_notebook import Desk
from playwright.sync_api import BrowserContext, Locator, expect
from shared_lab import Seat
from weather import SERVER

from ipyclaude.testing import Reply, ScriptedModel, server_tool, text, tool

#: Grep and Glob are offered by the CLI where the tools are named, as an administrator may.
_TOOLS = "Agent,Glob,Grep,Read,TaskCreate,TaskUpdate,ToolSearch,WebSearch,mcp__weather__*"


@pytest.fixture(scope="module")
def shared_desk(
    server: JupyterServer, context: BrowserContext, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A project with a few files, an MCP server of its own, and the tools that are named."""
    server.add_kernel("named-tools", Path(sys.executable), {"IPYCLAUDE_LOCK_TOOLS": _TOOLS})
    with ScriptedModel() as nobody:
        folder = tmp_path_factory.mktemp("cards")
        desk = Desk(server, context, nobody, folder, "cards", kernel="named-tools")
        desk.put_file("weather.py", SERVER)
        here = str(server.root / "cards" / "weather.py")
        named = {"mcpServers": {"weather": {"command": sys.executable, "args": [here]}}}
        desk.put_file(".mcp.json", json.dumps(named))
        desk.put_file(".claude/settings.json", json.dumps({"enableAllProjectMcpServers": True}))
        desk.put_file("birds/north.txt", "heron\nstork\nheron again\n")
        desk.put_file("birds/south.txt", "no heron here\n")
        yield desk
    server.end_kernels()


def _opened(within: Locator, name: str, at: int = 0) -> Locator:
    """Open a tool's card as a person does; return it."""
    card = within.locator(f'[data-tool="{name}"]').nth(at)
    card.locator("summary").first.click()
    return card


def test_what_was_found_stands_by_file_and_by_page(seat: Seat) -> None:
    """Lines by file with their numbers, files, and pages as links that go out, whoever searched:
    the CLI, which asks first where it goes to the web, or the API itself (S12)."""
    page = {"type": "web_search_result", "title": "Herons", "url": "https://birds.example/heron"}
    seat.model.script(
        Reply(
            tool("Grep", {"pattern": "heron", "output_mode": "content", "-n": True}),
            tool("Glob", pattern="**/*.txt"),
            tool("WebSearch", query="herons"),
        ),
        # By this request the CLI searches.
        Reply(*server_tool("web_search", [page], query="herons"), text("One page tells of them.")),
        Reply(*server_tool("web_search", [page], query="grey herons"), text("Found.")),
    )
    seat.ask("Where are herons?")
    expect(seat.part("approval")).to_contain_text("herons")
    assert len(seat.model.requests) == 1
    seat.part("allow-once").click()
    log = seat.part("log")
    expect(log).to_contain_text("Found.")
    lines = _opened(log, "Grep")
    expect(lines).to_contain_text("3 matches")
    expect(lines.locator(".ipc-hit-file")).to_have_text(["birds/north.txt", "birds/south.txt"])
    expect(lines.locator(".ipc-hit")).to_have_text(["1heron", "3heron again", "1no heron here"])
    files = _opened(log, "Glob")
    expect(files).to_contain_text("2 files")
    expect(files.locator(".ipc-output")).to_contain_text("birds/south.txt")
    for name in ("WebSearch", "web_search"):
        found = _opened(log, name)
        expect(found).to_contain_text("1 result")
        expect(found.get_by_role("link", name="Herons")).to_have_attribute("href", page["url"])
    said = log.locator('[data-tool="WebSearch"] .ipc-md')
    expect(said).to_have_text("One page tells of them.")
    assert seat.nb.foreign_requests == []


def test_a_subagent_stands_under_its_call_with_todos_of_its_own(seat: Seat) -> None:
    """What it calls and says is nested under the call that began it, with its report alone as the
    result; its to-dos stand there, and under its name below Claude's own; a reload keeps them."""
    at_hand = Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate"}))
    seat.model.script(
        at_hand,
        Reply(
            tool("TaskCreate", subject="Write the report", description="d"),
            tool("Agent", description="Ask around", prompt="Who nests?", run_in_background=False),
        ),
        at_hand,
        Reply(
            tool("TaskCreate", subject="Ask the storks", description="d"),
            tool("TaskCreate", subject="Ask the herons", description="d"),
        ),
        Reply(tool("TaskUpdate", taskId="2", status="completed"), tool("Grep", pattern="stork")),
        "**Storks** nest.",
        "So I report: storks.",
    )
    seat.ask("Report")
    expect(seat.part("log")).to_contain_text("So I report: storks.")
    agent = _opened(seat.part("log"), "Agent")
    expect(agent.locator("> summary")).to_contain_text("Ask around5 tool uses")
    expect(agent.locator(".ipc-output").first).to_have_text("Storks nest.")
    expect(_opened(agent, "Grep").locator(".ipc-output")).to_have_text("birds/north.txt")
    expect(agent.locator("> .ipc-children")).to_contain_text("Storks nest.")
    _check_todos(seat, agent)
    seat.nb.save()
    seat.nb.reload()
    expect(seat.part("log")).to_contain_text("So I report: storks.")
    _check_todos(seat, agent)


def _check_todos(seat: Seat, agent: Locator) -> None:
    todos = agent.locator(f"> .ipc-todos > {hook('todo')}")
    expect(todos).to_have_text(["✓Ask the storks, done", "○Ask the herons, to do"])
    groups = seat.part("todo-group")
    expect(groups).to_have_count(2)
    expect(groups.first.locator(hook("todo"))).to_have_text("○Write the report, to do")
    expect(groups.last).to_contain_text("Subagent: Ask around")
    expect(groups.last.locator(hook("todo"))).to_have_count(2)
    expect(seat.part("todos")).to_contain_text("1 of 3")


def test_a_tool_of_the_persons_own_server_asks_and_answers(seat: Seat) -> None:
    """An MCP server of the project is asked only once that is allowed, with its input seen (S12);
    its tool is called by its server's name, and what it answered stands in its card."""
    seat.model.script(Reply(tool("mcp__weather__forecast", place="Oslo")), "It will be sunny.")
    seat.ask("Will it rain?")
    asked = seat.part("approval")
    expect(asked).to_contain_text("Claude wants to use weather: forecast")
    expect(asked).to_contain_text("Oslo")
    assert len(seat.model.requests) == 1
    seat.part("allow-once").click()
    expect(seat.part("log")).to_contain_text("It will be sunny.")
    card = _opened(seat.part("log"), "mcp__weather__forecast")
    expect(card.locator("summary")).to_contain_text("weather: forecast")
    expect(card.locator(".ipc-output")).to_have_text("Sunny in Oslo.")
