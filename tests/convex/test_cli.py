"""The official command line takes the server for a deployment."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from functions import SERVER
from tokens import Issuer


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample functions in a folder of their own, to change."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(SERVER / "sample", folder / "sample")
    for name in ("package.json", "convex.json"):
        shutil.copy(SERVER / name, folder / name)
    (folder / "node_modules").symlink_to(SERVER / "node_modules")
    return folder


@pytest.fixture(scope="module")
def fresh(issuer: Issuer, project: Path) -> Iterator[ConvexServer]:
    """A deployment that the command line has pushed to."""
    with ConvexServer(issuer) as server:
        server.deploy(project)
        yield server


def test_deploy_and_run(fresh: ConvexServer) -> None:
    """`deploy` pushes what `run` then calls, internal functions too."""
    assert json.loads(fresh.cli("run", "items:echo", '{"value": [1, "é"]}')) == [1, "é"]
    assert json.loads(fresh.cli("run", "items:secret")) == "hidden"
    with pytest.raises(AssertionError, match="Could not find function for 'items:nothing'"):
        fresh.cli("run", "items:nothing")


def test_run_as_somebody(fresh: ConvexServer) -> None:
    """`run --identity` acts as a user whose token nobody has."""
    who = json.dumps({"subject": "ada", "issuer": "https://x.test", "name": "Ada"})
    seen = json.loads(fresh.cli("run", "items:whoami", "--identity", who))
    assert seen["tokenIdentifier"] == "https://x.test|ada"


def test_env(fresh: ConvexServer) -> None:
    """Variables are set, listed and removed, and providers that come from one are read again."""
    fresh.cli("env", "set", "IPYCLAUDE_TEST", "a value")
    assert fresh.cli("env", "get", "IPYCLAUDE_TEST").strip() == "a value"
    assert "IPYCLAUDE_TEST" in fresh.cli("env", "list")
    fresh.cli("env", "remove", "IPYCLAUDE_TEST")
    assert "IPYCLAUDE_TEST" not in fresh.cli("env", "list")
    other = Issuer("https://other.test")
    fresh.cli("env", "set", "IPYCLAUDE_AUTH", json.dumps([other.provider()]))
    assert fresh.call("query", "items:whoami", token=other.token("eve"))["subject"] == "eve"
    fresh.trust(fresh.issuer)


def test_function_spec_and_data(fresh: ConvexServer) -> None:
    """The command line knows the functions with their visibility, and shows documents."""
    spec = {one["identifier"]: one for one in fresh.function_spec()}
    assert spec["items.js:secret"]["visibility"] == {"kind": "internal"}
    assert spec["items.js:add"]["functionType"] == "Mutation"
    token = fresh.issuer.token("data")
    fresh.call("mutation", "items:add", {"list": "shown", "clientId": "1", "value": 1}, token=token)
    assert '"shown"' in fresh.cli("data", "items")


def test_a_deploy_keeps_documents_and_checks_them(fresh: ConvexServer, project: Path) -> None:
    """What is stored outlives a deploy; a schema that it doesn't suit is refused, and changes
    nothing.
    """
    token = fresh.issuer.token("kept")
    fresh.call("mutation", "items:add", {"list": "l", "clientId": "1", "value": 1}, token=token)
    schema = project / "sample/schema.ts"
    text = schema.read_text()
    schema.write_text(text.replace("list: v.string(),", "list: v.number(),"))
    with pytest.raises(AssertionError, match=re.compile("Schema validation failed", re.I)):
        fresh.deploy(project)
    schema.write_text(text)
    fresh.deploy(project)
    assert fresh.call("query", "items:list", {"list": "l"}, token=token) == [1]


def test_a_wrong_key_deploys_nothing(fresh: ConvexServer, project: Path) -> None:
    """The administrator's key is looked at."""
    key, fresh.admin_key = fresh.admin_key, "wrong|key"
    try:
        with pytest.raises(AssertionError, match="BadDeployKey"):
            fresh.deploy(project)
    finally:
        fresh.admin_key = key
