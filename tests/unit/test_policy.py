"""What the administrator has set holds, says so, and is read from where only they can write."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from ipyclaude.engine import EngineOptions
from ipyclaude.exceptions import PolicyError, SettingsError
from ipyclaude.key_source import NAMES
from ipyclaude.policy import FOLDERS, IPyClaudePolicy, Policy
from ipyclaude.settings import IPyClaude

OPEN = EngineOptions(cwd="/", session_id="x")


def policy(tmp_path: Path, **env: str) -> Policy:
    """Return the policy of these `IPYCLAUDE_LOCK_…` variables."""
    return Policy.load([tmp_path], {f"IPYCLAUDE_LOCK_{name}": text for name, text in env.items()})


def settings(**values: object) -> IPyClaude:
    loaded = IPyClaude.load()
    for name, value in values.items():
        setattr(loaded, name, value)
    return loaded


def nothing() -> float:
    return 0.0


def test_without_locks_nothing_changes(tmp_path: Path) -> None:
    """Where no administrator has set anything, options and settings are left as they are."""
    free, loaded = policy(tmp_path), settings(model="any", convex_url="https://x.test")
    free.apply(loaded)
    assert (loaded.model, loaded.convex_url) == ("any", "https://x.test")
    assert free.guard(OPEN, nothing) == OPEN
    assert free.refusal("Bash") == ""


@pytest.mark.parametrize(
    ("lock", "text", "change", "words"),
    [
        ("models", "opus, haiku-*", {"model": "sonnet"}, "model 'sonnet'"),
        ("permission_modes", "default,plan", {"permission_mode": "bypassPermissions"}, "mode"),
        ("mcp_servers", "docs", {"mcp_servers": {"docs": {}, "shell": {}}}, "server 'shell'"),
        ("mcp_servers", "", {"mcp_servers": {"shell": {}}}, "server 'shell'"),
        ("max_budget_usd", "0.5", {"max_budget_usd": 0.51}, "$0.51"),
    ],
)
def test_a_turn_beyond_a_lock_is_refused(
    tmp_path: Path, lock: str, text: str, change: dict[str, Any], words: str
) -> None:
    """As a turn's option and as a setting it is refused, and says who has set what."""
    held = policy(tmp_path, **{lock.upper(): text})
    with pytest.raises(PolicyError) as caught:
        held.guard(replace(OPEN, **change), nothing)
    assert words in caught.value.what
    assert caught.value.lock == lock
    assert caught.value.why == f"The administrator has set this (IPYCLAUDE_LOCK_{lock.upper()})."
    assert caught.value.fix.startswith("Allowed: ")
    with pytest.raises(PolicyError, match="administrator"):
        held.apply(settings(**change))


def test_what_is_allowed_goes_through(tmp_path: Path) -> None:
    """A choice within the locks stays; what nobody chose becomes the administrator's first."""
    held = policy(tmp_path, MODELS="opus, haiku-*", PERMISSION_MODES="plan,acceptEdits")
    chosen = replace(OPEN, model="haiku-4", permission_mode="acceptEdits")
    held.apply(settings(model="haiku-4", permission_mode="acceptEdits"))
    assert held.guard(chosen, nothing) == chosen
    filled = held.guard(OPEN, nothing)
    assert (filled.model, filled.permission_mode) == ("opus", "plan")
    with pytest.raises(PolicyError, match="must be named"):
        policy(tmp_path, MODELS="haiku-*").guard(OPEN, nothing)


def test_tools_are_cut_down(tmp_path: Path) -> None:
    """Claude is not even told of another built-in tool, and another MCP tool is refused."""
    held = policy(tmp_path, TOOLS="Read,mcp__notebook__*", MCP_SERVERS="docs")
    options = held.guard(OPEN, nothing)
    assert (options.tools, options.own_mcp_servers_only) == (("Read",), True)
    assert held.refusal("mcp__notebook__run") == ""
    assert "administrator" in held.refusal("Bash")
    assert policy(tmp_path, TOOLS="").guard(OPEN, nothing).tools == ()


def test_budgets_are_filled_in_and_end(tmp_path: Path) -> None:
    """The least of what is asked for, allowed for a turn and left of the day is the limit."""
    held = policy(tmp_path, MAX_BUDGET_USD="0.5", DAILY_BUDGET_USD="2")
    assert held.guard(OPEN, nothing).max_budget_usd == 0.5
    assert held.guard(replace(OPEN, max_budget_usd=0.1), nothing).max_budget_usd == 0.1
    assert held.guard(OPEN, lambda: 1.8).max_budget_usd == pytest.approx(0.2)
    with pytest.raises(PolicyError, match="used up"):
        held.guard(OPEN, lambda: 2.0)


def test_where_sessions_go_is_locked(tmp_path: Path) -> None:
    """Convex's URL, replication and transcripts are set, and another wish is refused."""
    held = policy(tmp_path, CONVEX_URL="https://ours.test", TRANSCRIPTS="off")
    loaded = settings()
    held.apply(loaded)
    assert (loaded.convex_url, loaded.replicate_transcripts) == ("https://ours.test", False)
    with pytest.raises(PolicyError, match="Another Convex deployment"):
        held.apply(settings(convex_url="https://theirs.test"))
    loaded = settings(convex_url="https://theirs.test")
    policy(tmp_path, REPLICATION="off").apply(loaded)
    assert loaded.convex_url == ""
    with pytest.raises(PolicyError, match="must be replicated"):
        policy(tmp_path, REPLICATION="on").apply(settings())


def with_config(**values: object) -> IPyClaude:
    return IPyClaude.load(Config({"IPyClaude": values}))


def test_a_person_who_asks_for_what_is_locked_is_told(tmp_path: Path) -> None:
    """What stands in their own configuration is refused, not quietly left out."""
    with pytest.raises(PolicyError, match="may not be replicated"):
        policy(tmp_path, REPLICATION="off").apply(with_config(convex_url="https://x.test"))
    for lock, wish in (("on", False), ("off", True)):
        held = policy(tmp_path, TRANSCRIPTS=lock)
        with pytest.raises(PolicyError, match="be replicated here"):
            held.apply(with_config(replicate_transcripts=wish))
        held.apply(with_config(replicate_transcripts=not wish))


GIVEN = {"ANTHROPIC_API_KEY": "ours", "AWS_REGION": "eu", "GOOGLE_CLOUD_PROJECT": "p"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Policy]:
    """Make the policy of a server whose environment is `GIVEN`, and a lock on the key's source."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    return lambda kind: Policy.load([tmp_path], {**GIVEN, "IPYCLAUDE_LOCK_KEY_SOURCE": kind})


def test_the_key_is_the_administrators(server: Callable[[str], Policy]) -> None:
    """The CLI gets that key or that cloud's, and every other way to one is shut."""
    env = server("environment").guard(OPEN, nothing).env
    assert {name for name in NAMES if env[name]} == {"ANTHROPIC_API_KEY"}
    for kind, switch, own, other in (
        ("bedrock", "CLAUDE_CODE_USE_BEDROCK", "AWS_REGION", "GOOGLE_CLOUD_PROJECT"),
        ("vertex", "CLAUDE_CODE_USE_VERTEX", "GOOGLE_CLOUD_PROJECT", "AWS_REGION"),
    ):
        env = server(kind).guard(OPEN, nothing).env
        assert {name for name in NAMES if env[name]} == {switch}
        assert env[own] == GIVEN[own]
        assert other not in env


def test_a_clouds_sign_in_is_the_administrators(
    server: Callable[[str], Policy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that a cell sets serves its own programs, and not Claude."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_REGION", "mine")
    env = server("bedrock").guard(OPEN, nothing).env
    assert (env["AWS_PROFILE"], env["AWS_REGION"]) == ("", "eu")


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"])
def test_another_key_is_refused(
    server: Callable[[str], Policy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """In the settings, in the environment and in the CLI's own files, each with its name."""
    held = server("environment")
    with pytest.raises(PolicyError, match=rf"{name} from c\.IPyClaude\.env"):
        held.apply(settings(env={name: "mine"}))
    with pytest.raises(PolicyError, match=rf"{name} from c\.IPyClaude\.env"):
        held.guard(replace(OPEN, env={name: "mine"}), nothing)
    with monkeypatch.context() as changed:
        changed.setenv(name, "mine")
        with pytest.raises(PolicyError, match=rf"{name} from os\.environ"):
            held.guard(OPEN, nothing)
    for place in ("claude/settings.json", ".claude/settings.json", ".claude/settings.local.json"):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        for said in ({"env": {name: "mine"}}, {"apiKeyHelper": "echo mine"}):
            path.write_text(json.dumps(said))
            with pytest.raises(PolicyError, match=path.name):
                held.guard(replace(OPEN, cwd=str(tmp_path)), nothing)
            held.guard(replace(OPEN, cwd=str(tmp_path), isolated=True), nothing)
        path.unlink()


def test_without_the_administrators_key_there_is_none(tmp_path: Path) -> None:
    """A server whose environment has no key does not fall back on the user's own login."""
    held = Policy.load([tmp_path], {"IPYCLAUDE_LOCK_KEY_SOURCE": "environment"})
    with pytest.MonkeyPatch.context() as empty:
        for name in NAMES:
            empty.delenv(name, raising=False)
        with pytest.raises(PolicyError, match="no key for Claude"):
            held.guard(OPEN, nothing)


def test_etc_comes_before_the_environment(tmp_path: Path) -> None:
    """A file of the administrator's can't be undone by a variable, which a kernel spec may set."""
    (tmp_path / "ipyclaude_policy.py").write_text("c.IPyClaudePolicy.models = ['opus']\n")
    (tmp_path / "ipyclaude_policy.json").write_text(
        json.dumps({"IPyClaudePolicy": {"max_budget_usd": 1.0}})
    )
    held = policy(tmp_path, MODELS="*", MAX_BUDGET_USD="100", TOOLS="Read")
    assert held.locks.models == ["opus"]
    assert held.locks.max_budget_usd == 1.0
    assert held.locks.tools == ["Read"]
    with pytest.raises(PolicyError, match=r"ipyclaude_policy\.py"):
        held.guard(replace(OPEN, model="sonnet"), nothing)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MAX_BUDGET_USD", "a lot"),
        ("REPLICATION", "maybe"),
        ("MODELS", "["),
        ("MODELS", "[1]"),
    ],
)
def test_an_unreadable_lock_lets_nothing_through(tmp_path: Path, name: str, text: str) -> None:
    """A mistake of the administrator's locks everything, and says where it is."""
    with pytest.raises(SettingsError, match=f"IPYCLAUDE_LOCK_{name}"):
        policy(tmp_path, **{name: text})


def test_a_broken_file_lets_nothing_through(tmp_path: Path) -> None:
    """So does a file with a fault in it."""
    (tmp_path / "ipyclaude_policy.py").write_text("c.IPyClaudePolicy.models = oops\n")
    with pytest.raises(SettingsError, match="NameError"):
        policy(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux keeps it")
def test_a_cell_cannot_open_a_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment counts as the process got it, not as `os.environ` says now."""
    monkeypatch.setenv("IPYCLAUDE_LOCK_MODELS", "*")
    assert Policy.load([tmp_path]).locks.models is None
    assert "IPYCLAUDE_LOCK_MODELS" in os.environ


def test_only_the_administrators_folders_are_read() -> None:
    """No folder of a person's own is among them, and every lock has a help."""
    assert all(folder.parts[:2] in (("/", "etc"), ("/", "usr")) for folder in FOLDERS)
    for name, trait in IPyClaudePolicy.class_traits(config=True).items():
        assert trait.help, name


def test_sharing_is_locked(tmp_path: Path) -> None:
    """Where it is off nothing is shared and nobody else answers; either lock says who set it."""
    free = policy(tmp_path)
    free.check_sharing()
    free.check_editor_approvals()
    assert free.lets_editors_answer
    assert policy(tmp_path, SHARING="on").lets_editors_answer
    for lock in ("sharing", "editor_approvals"):
        held = policy(tmp_path, **{lock.upper(): "off"})
        assert not held.lets_editors_answer
        with pytest.raises(PolicyError, match="administrator has set this") as caught:
            held.check_editor_approvals()
        assert caught.value.lock == lock
    policy(tmp_path, EDITOR_APPROVALS="off").check_sharing()
    with pytest.raises(PolicyError, match="can't be shared"):
        policy(tmp_path, SHARING="off").check_sharing()
