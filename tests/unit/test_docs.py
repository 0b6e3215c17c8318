"""The pages for people run: commands, configuration, values, and every name in them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets.config import Config

from ipyclaude.cli import main, make_parser
from ipyclaude.commands import COMMANDS
from ipyclaude.hub.__main__ import Options
from ipyclaude.identity.provider import find_provider
from ipyclaude.policy import IPyClaudePolicy, Policy
from ipyclaude.settings import IDENTITIES, IPyClaude

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/jupyterhub-admins.md", "docs/signing-in.md", "docs/sharing.md")
ADMINS, SIGNING_IN, _ = ((ROOT / page).read_text() for page in PAGES)


def blocks(page: str, language: str) -> list[str]:
    """Return the code of a language, without the indentation of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page, re.M | re.S)
    return [re.sub(rf"^{indent}", "", code, flags=re.M) for indent, code in found]


def our_commands(page: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of `ipyclaude`."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            words = shlex.split(line.split(" | ")[0])
            names = [Path(word).name for word in words]
            if "ipyclaude" in names and words[0] != "pip" and "pip" not in names:
                yield words[names.index("ipyclaude") + 1 :]


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_right(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every call of `ipyclaude` is one that there is; those that only print are run."""
    for words in our_commands((ROOT / page).read_text()):
        make_parser().parse_args(words)
        if words[:2] == ["hub", "config"]:
            assert main(words) == 0
            assert capsys.readouterr().out.strip()


def test_administrators_have_commands_to_run() -> None:
    """The page shows how to print, to rotate and to publish."""
    steps = {tuple(words[:2]) for words in our_commands(ADMINS)}
    assert steps == {("hub", "config"), ("hub", "rotate"), ("hub", "jwks")}


def test_keys_are_made_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`rotate` and `jwks` do what the page says, on a key file of their own."""
    for words in our_commands(ADMINS):
        if words[1] in ("rotate", "jwks"):
            assert main([*words[:2], str(tmp_path / "keys.json"), *words[3:]]) == 0
            assert capsys.readouterr().out


def configured(page: str) -> Config:
    """Run the configuration of a page."""
    c = Config()
    for code in blocks(page, "python"):
        if code.startswith("c."):
            exec(code, {"c": c})
    return c


def test_the_policy_is_one(tmp_path: Path) -> None:
    """The policy of the page is read as an administrator's file is, and sets every lock."""
    code = next(b for b in blocks(ADMINS, "python") if "IPyClaudePolicy" in b)
    (tmp_path / "ipyclaude_policy.py").write_text(code)
    locks = Policy.load([tmp_path], {}).locks
    names = IPyClaudePolicy.class_trait_names(config=True)
    assert [name for name in names if getattr(locks, name) is None] == []
    for name in names:
        assert f"| `{name}` | `IPYCLAUDE_LOCK_{name.upper()}` |" in ADMINS


def test_the_providers_are_right() -> None:
    """The provider of the page is taken as it stands."""
    settings = IPyClaude.load(configured(SIGNING_IN))
    assert find_provider(settings.providers, "work").client_id == "ipyclaude"
    for identity in set(IDENTITIES) - {"auto"}:
        assert f"| `{identity}` |" in SIGNING_IN
    assert all("token" in json.loads(block) for block in blocks(SIGNING_IN, "json"))


def test_helm_values_are_yaml() -> None:
    """Each block of values can be read, and opens the port that the command names."""
    for block in blocks(ADMINS, "yaml"):
        values: Any = yaml.safe_load(block)
        ports = re.findall(r"port: (\d+)", block)
        assert values["hub"]["service"]["extraPorts"]
        assert set(ports) == {"10188"}


def test_the_issuers_settings_are_all_there() -> None:
    """Each variable of the issuer has its line, with its default."""
    for name in Options.__dataclass_fields__:
        assert f"| `IPYCLAUDE_HUB_{name.upper()}` |" in ADMINS


@pytest.mark.parametrize("page", PAGES)
def test_names_exist(page: str) -> None:
    """No variable, file or subcommand is named that isn't there."""
    text = (ROOT / page).read_text()
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for variable in set(re.findall(r"IPYCLAUDE_[A-Z_]+[A-Z]", text)):
        short = re.sub(r"^IPYCLAUDE_(?:HUB_|LOCK_)?", "", variable)
        assert variable in source or f'"{short}"' in source or short.lower() in source, variable
    for name in set(re.findall(r"%claude_session ([\w-]+)", text)):
        assert name in COMMANDS
    for name in set(re.findall(r"`((?:docs|src|tests)/[\w./-]+)`", text)):
        assert (ROOT / name).exists(), name
