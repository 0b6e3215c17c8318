"""Each lock of the administrator's, tried from a notebook with the real CLI behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]

LOCKS = {
    "MODELS": "claude-opus-4-5,claude-haiku-*",
    "PERMISSION_MODES": "default",
    "TOOLS": "Read",
    "MCP_SERVERS": "docs",
    "MAX_BUDGET_USD": "1",
    "CONVEX_URL": "",
    "REPLICATION": "off",
    "TRANSCRIPTS": "off",
    "SHARING": "off",
    "KEY_SOURCE": "environment",
}


@pytest.fixture
def nb(start: StartKernel, place: Place, model: ScriptedModel) -> Notebook:
    """A notebook on a machine with every lock set."""
    return Notebook(
        start(place, model, **{f"IPYCLAUDE_LOCK_{name}": text for name, text in LOCKS.items()})
    )


def test_a_turn_cannot_go_beyond(nb: Notebook, model: ScriptedModel) -> None:
    """Options of a cell, the widget's controls and a changed environment are all refused."""
    for line, word in (
        ("%claude -m claude-sonnet-4-5 hello", "model"),
        ("%claude --plan hello", "permission mode"),
        ("%claude --max-budget 5 hello", "may not cost $5"),
        (
            "import os\nfor name in list(os.environ):\n"
            "    if name.startswith('IPYCLAUDE_LOCK'): del os.environ[name]\n"
            "%reload_ext ipyclaude\n%claude -m claude-sonnet-4-5 hello",
            "model",
        ),
        (
            "from ipyclaude.magics import _loaded\napp = _loaded.open()\n"
            "wish = {'model': None, 'mode': 'bypassPermissions', 'effort': None}\n"
            "app.configure(app.sessions.for_cell(None), **wish)",
            "permission mode",
        ),
        ("%claude_session sync", "may not be replicated"),
        ("%claude_session share", "can't be shared"),
        ("%claude_session share --editors-approve yes --yes", "can't be shared"),
        ("%claude_session join ABCDE", "can't be shared"),
        (
            "import os\nkept = dict(os.environ)\nos.environ['ANTHROPIC_API_KEY'] = 'mine'\n"
            "%claude hello",
            "Take away ANTHROPIC_API_KEY from os.environ",
        ),
        (
            "os.environ.update(kept, CLAUDE_CODE_USE_BEDROCK='1')\n%claude hello",
            "Take away CLAUDE_CODE_USE_BEDROCK",
        ),
        (
            "del os.environ['CLAUDE_CODE_USE_BEDROCK']\nfrom pathlib import Path\n"
            "Path('.claude').mkdir()\n"
            "Path('.claude/settings.json').write_text('{\"apiKeyHelper\": \"echo mine\"}')\n"
            "%claude hello",
            "Take away apiKeyHelper",
        ),
    ):
        shown = nb.run(line).text
        assert word in shown
        assert "The administrator has set this" in shown
    assert model.requests == []


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("model = 'claude-sonnet-4-5'", "model"),
        ("permission_mode = 'bypassPermissions'", "permission mode"),
        ("mcp_servers = {'shell': {'command': 'sh'}}", "MCP server"),
        ("max_budget_usd = 5.0", "may not cost"),
        ("convex_url = 'https://theirs.test'", "Convex"),
        ("replicate_transcripts = True", "may not be replicated"),
        ("env = {'ANTHROPIC_API_KEY': 'mine'}", "Take away ANTHROPIC_API_KEY from c.IPyClaude.env"),
    ],
)
def test_a_setting_cannot_go_beyond(nb: Notebook, setting: str, word: str) -> None:
    """A person's own configuration is held to the locks before anything is asked."""
    shown = nb.run(f"get_ipython().config.IPyClaude.{setting}\n%claude hello").text
    assert word in shown
    assert "The administrator has set this" in shown


def test_within_the_locks_claude_works(nb: Notebook, model: ScriptedModel) -> None:
    """The administrator's model answers, with the allowed tools only, though others are wished."""
    claude = nb.kernel.place.made("claude")
    (claude / "settings.json").write_text('{"permissions": {"allow": ["Bash", "mcp__notebook"]}}')
    servers = '{"mcpServers": {"shell": {"command": "sh"}}}'
    (nb.kernel.place.work / ".mcp.json").write_text(servers)
    model.script(Reply(tool("Bash", {"command": "touch made", "description": "x"})), "Over.")
    nb.run("%claude hello")
    first = model.requests[0]
    assert first.model.startswith("claude-opus-4-5")
    assert "Read" in first.tools
    assert "Bash" not in first.tools
    assert not [name for name in first.tools if name.startswith("mcp__")]
    assert not (nb.kernel.place.work / "made").exists()


def test_a_day_has_an_end(start: StartKernel, place: Place, model: ScriptedModel) -> None:
    """Once a day's budget is used, by a failed turn too, the next one is refused unasked."""
    model.script("One.", "Two.")
    nb = Notebook(start(place, model, IPYCLAUDE_LOCK_DAILY_BUDGET_USD="0.000001"))
    assert "reached its budget" in nb.run("%claude one").text
    shown = nb.run("%claude two").text
    assert "Today's budget is used up." in shown
    assert len(model.requests) == 1
