"""The page about a Convex of one's own says what its compose file and `ipyclaude deploy` do."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from ipyclaude.accounts import MAIL
from ipyclaude.cli import make_parser
from ipyclaude.deployment import AUTH, DEPLOY_KEY, SELF_HOSTED_KEY, SELF_HOSTED_URL, read_auth

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "self-hosting.md").read_text()
COMPOSE = (DOCS / "self-hosting/compose.yaml").read_text()
#: What the page names for `ipyclaude deploy` and for the notebook servers.
OURS = {
    AUTH,
    DEPLOY_KEY,
    SELF_HOSTED_KEY,
    SELF_HOSTED_URL,
    "CONVEX_URL",
    "CONVEX_AUTH_TOKEN",
    *MAIL,
}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(COMPOSE)["services"]


def test_has_the_three_services(services: dict[str, dict[str, Any]]) -> None:
    """The compose file starts Postgres, then the backend, then the dashboard."""
    assert set(services) == {"postgres", "backend", "dashboard"}
    for name, needs in (("backend", "postgres"), ("dashboard", "backend")):
        assert services[name]["depends_on"] == {needs: {"condition": "service_healthy"}}
        assert services[needs]["healthcheck"]["test"]


def test_pins_every_image(services: dict[str, dict[str, Any]]) -> None:
    """Each image has a version, and both of Convex's have the same revision."""
    tags = {name: service["image"].rpartition(":")[2] for name, service in services.items()}
    assert re.fullmatch(r"\d+\.\d+(-alpine)?", tags["postgres"])
    assert re.fullmatch(r"[0-9a-f]{40}", tags["backend"])
    assert tags["backend"] == tags["dashboard"]


def test_opens_no_port_to_the_world(services: dict[str, dict[str, Any]]) -> None:
    """Ports are open to the machine itself only, and the database's to nobody."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port.split(":")[0] for port in ports} == {"127.0.0.1"}
    assert {port.split(":")[-1] for port in ports} == {"3210", "3211", "6791"}


def test_has_no_secret_in_it(services: dict[str, dict[str, Any]]) -> None:
    """Passwords and secrets come from outside, and without them nothing starts (S6)."""
    required = dict(re.findall(r"(\w+): \$\{(\w+):\?", COMPOSE))
    assert required == {
        "POSTGRES_PASSWORD": "POSTGRES_PASSWORD",
        "INSTANCE_SECRET": "INSTANCE_SECRET",
    }
    assert "${POSTGRES_PASSWORD}@" in services["backend"]["environment"]["POSTGRES_URL"]


def test_names_the_database_after_the_instance(services: dict[str, dict[str, Any]]) -> None:
    """The backend looks for the database of its instance's name, which Postgres makes."""
    instance = services["backend"]["environment"]["INSTANCE_NAME"]
    assert services["postgres"]["environment"]["POSTGRES_DB"] == instance.replace("-", "_")
    assert services["backend"]["environment"]["POSTGRES_URL"].endswith(":5432")


def test_names_every_variable() -> None:
    """The page explains each variable of the compose file, and none that nothing reads."""
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    explained = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", table))
    assert explained == set(re.findall(r"\$\{(\w+)", COMPOSE))
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", PAGE))
    assert named == explained | OURS


def test_its_commands_are_right() -> None:
    """Each command of the page is Docker's, pip's, a shell's own, or one that ipyclaude has."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    words = [shlex.split(line) for line in lines]
    assert ["ipyclaude", "deploy"] in words
    for program, *rest in words:
        if program == "ipyclaude":
            make_parser().parse_args(rest)
        elif program == "docker":
            assert rest[0] == "compose"
        else:
            assert program in {"umask", "echo", "export", "pip"}


def test_its_providers_are_right() -> None:
    """The page's example of who may sign in is one that `ipyclaude deploy` takes."""
    (example,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)
    assert read_auth({AUTH: example}) is not None
    (provider,) = json.loads(example)
    assert set(provider) == {"type", "issuer", "jwks", "algorithm", "applicationID"}
