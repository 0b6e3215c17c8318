"""MCP servers that a person's settings name: passed on to the real CLI, started, and asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Place
from lending import told
from weather import SERVER

from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]


@pytest.mark.parametrize("named_in", ["ipython_config.py", ".mcp.json"])
def test_a_server_of_the_settings_runs(
    start: StartKernel, place: Place, model: ScriptedModel, named_in: str
) -> None:
    """Named for ipyclaude, or for Claude in the project: its tool answers, once it is allowed."""
    (place.work / "weather.py").write_text(SERVER)
    server = {"command": sys.executable, "args": [str(place.work / "weather.py")]}
    if named_in == ".mcp.json":
        (place.work / named_in).write_text(json.dumps({"mcpServers": {"weather": server}}))
        settings = json.dumps({"enableAllProjectMcpServers": True})
        (place.made("work/.claude") / "settings.json").write_text(settings)
    else:
        config = place.made("ipython/profile_default") / named_in
        config.write_text(f"c.IPyClaude.mcp_servers = {{'weather': {server!r}}}\n")
    nb = Notebook(start(place, model))
    call = Reply(tool("mcp__weather__forecast", {"place": "Oslo"}))
    model.script(call, "Not asked.", call, "Asked.")
    nb.run("%claude Will it rain?")
    assert "--allow 'mcp__weather__forecast'" in told(model)
    nb.run("%%claude --allow mcp__weather__forecast\nAsk it.")
    assert told(model) == "Sunny in Oslo."


def test_a_server_that_does_not_start_is_told_once(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """The turn goes on without it, and says so (S14)."""
    config = place.made("ipython/profile_default") / "ipython_config.py"
    config.write_text("c.IPyClaude.mcp_servers = {'broken': {'command': 'no-such-program'}}\n")
    nb = Notebook(start(place, model))
    model.script("One.", "Two.")
    shown = nb.run("%claude hello").text
    assert "The MCP server 'broken' could not be started." in shown
    assert "One." in shown
    assert "broken" not in nb.run("%claude again").text
