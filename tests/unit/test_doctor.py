"""`ipyclaude doctor` and what it calls a login."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ipyclaude import doctor
from ipyclaude.login import find_login
from ipyclaude.policy import Policy
from ipyclaude.settings import IPyClaude
from ipyclaude.store.sqlite import SqliteStore

SECRET = "sk-ant-made-up-0123456789"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IPyClaude:
    monkeypatch.setenv("IPYCLAUDE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("IPYCLAUDE_CLI_PATH", raising=False)
    return IPyClaude.load()


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"])
def test_a_key_is_named_and_never_shown(tmp_path: Path, name: str) -> None:
    """S6: a key in the environment is found by its variable's name, and its value stays out."""
    found = find_login({name: SECRET, "HOME": str(tmp_path)})
    assert found is not None
    assert name in found
    assert SECRET not in found


def test_a_login_file_is_found(tmp_path: Path) -> None:
    """The CLI's own login is found in its configuration folder, wherever that is."""
    assert find_login({"HOME": str(tmp_path)}) is None
    for env, folder in (
        ({"HOME": str(tmp_path)}, tmp_path / ".claude"),
        ({"HOME": "/nowhere", "CLAUDE_CONFIG_DIR": str(tmp_path / "c")}, tmp_path / "c"),
    ):
        folder.mkdir()
        (folder / ".credentials.json").write_text("{}")
        assert "Claude login" in (find_login(env) or "")


def test_no_login_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a login the finding says how to get one."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = doctor.check_login(tmp_path / "_bundled" / "claude")
    assert not finding.ok
    assert "_bundled/claude` once in a terminal and sign in" in finding.fix
    program = tmp_path / "claude"
    program.touch(mode=0o755)
    assert "Run `claude` once" in doctor.check_login(tmp_path / "_bundled" / "claude").fix


def test_the_bundled_cli_runs(settings: IPyClaude) -> None:
    """The CLI that comes with the SDK is found, run and named with its version."""
    finding = doctor.check_cli(settings)
    assert finding.ok
    assert "Claude Code" in finding.found


def test_a_wrong_cli_path_is_told(settings: IPyClaude, tmp_path: Path) -> None:
    """A configured program that does not run is named, with the setting to correct."""
    settings.cli_path = str(tmp_path / "claude")
    finding = doctor.check_cli(settings)
    assert "IPYCLAUDE_CLI_PATH" in finding.fix


def test_looking_at_the_store_makes_nothing(settings: IPyClaude) -> None:
    """Where there is no store yet, the check says where it will be and leaves no file."""
    finding = doctor.check_store(settings)
    assert finding.ok
    assert not settings.store_path.parent.exists()


def test_a_newer_store_is_told_and_left(settings: IPyClaude) -> None:
    """S14: a store of a newer ipyclaude is a finding with what to do, and stays as it was."""
    settings.store_path.parent.mkdir(parents=True)
    with sqlite3.connect(settings.store_path) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma user_version = 100000")
    db.close()
    before = settings.store_path.read_bytes()
    finding = doctor.check_store(settings)
    assert finding.fix
    assert settings.store_path.read_bytes() == before


def test_everybody_s_store_is_checked(settings: IPyClaude) -> None:
    """Those of others are counted where all is well; one that can't be used is named."""
    assert doctor.check_others(settings) == []
    people = settings.store_path.parent / "people"
    for name in ("ada", "eve"):
        SqliteStore(people / f"{name}.sqlite3").close()
    assert [found.ok for found in doctor.check_others(settings)] == [True]
    assert "2 others" in doctor.check_others(settings)[0].found
    with sqlite3.connect(people / "eve.sqlite3") as db:
        db.execute("pragma user_version = 100000")
    db.close()
    (bad,) = doctor.check_others(settings)
    assert bad.fix
    assert "eve" in bad.found


def test_a_missing_bundle_is_told(tmp_path: Path) -> None:
    """A package without the widget's files says which are missing and how to get them."""
    (tmp_path / "widget.css").write_text("x")
    finding = doctor.check_bundle(tmp_path)
    assert "widget.js and loader.js missing" in finding.found
    assert "pip install" in finding.fix


def test_who_is_signed_in_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is fine; a source that was asked for and isn't there is not."""
    here = "not needed without Convex: everything is on this machine"
    assert doctor.check_identity(IPyClaude.load()) == doctor.Finding("Sign-in", here)
    monkeypatch.setenv("CONVEX_URL", "https://example.convex.cloud")
    assert doctor.check_identity(IPyClaude.load()).found == "Nobody is signed in."
    monkeypatch.setenv("CONVEX_AUTH_TOKEN", "very-secret")
    found = doctor.check_identity(IPyClaude.load())
    assert found.ok
    assert "very-secret" not in found.found
    monkeypatch.setenv("IPYCLAUDE_IDENTITY", "jupyterhub")
    assert "hub config" in doctor.check_identity(IPyClaude.load()).fix


def test_locks_are_told(tmp_path: Path) -> None:
    """What the administrator has set is listed; a setting beyond it is a problem."""
    (tmp_path / "ipyclaude_policy.py").write_text("c.IPyClaudePolicy.models = ['opus']\n")
    settings = IPyClaude.load()

    def load() -> Policy:
        return Policy.load([tmp_path], {})

    found = doctor.check_policy(settings, load).found
    assert found == f"models ({tmp_path / 'ipyclaude_policy.py'})"
    settings.model = "sonnet"
    assert doctor.check_policy(settings, load).fix == "Allowed: opus."


def test_a_bad_setting_does_not_end_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot work is one finding, and the checks after it are still made."""
    monkeypatch.setenv("IPYCLAUDE_ISOLATED", "perhaps")
    found = {finding.subject: finding for finding in doctor.findings()}
    assert "perhaps" in found["Settings"].found
    assert "Claude login" in found
