"""`ipyclaude hub …` prints what a hub and a deployment take as it is."""

from __future__ import annotations

import ast
import base64
import json
import re
import shlex
from pathlib import Path
from typing import Any

import jupyterhub
import pytest
from traitlets.config import Config

from ipyclaude.cli import main
from ipyclaude.hub import ACCESS_SCOPE, AUDIENCE

URL = "https://hub.example.org"


def providers(text: str) -> list[dict[str, Any]]:
    """Return what is set in Convex's environment."""
    line = next(line for line in text.splitlines() if line.startswith("npx convex env set"))
    return json.loads(shlex.split(line)[-1])


def test_the_hub_takes_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """It is Python for `jupyterhub_config.py`, adds to what is there, and has the least scopes."""
    assert main(["hub", "config", f"{URL}/", "--convex-url", "https://x.convex.cloud"]) == 0
    text = capsys.readouterr().out
    assert (
        main(["hub", "config", URL, "--convex-url", "https://x.convex.cloud", "--only", "hub"]) == 0
    )
    code = capsys.readouterr().out
    assert text.startswith(code)
    ast.parse(code)
    c = Config()
    exec(code, {"c": c})
    service = c.JupyterHub.services.get_value([{"name": "theirs"}])[-1]
    assert service["environment"]["IPYCLAUDE_HUB_ISSUER"] == URL
    if jupyterhub.version_info >= (6,):
        granted = c.JupyterHub.extra_user_scopes.get_value(set())
    else:
        (role,) = c.JupyterHub.load_roles.get_value([])
        granted = set(role["scopes"]) - {"self"}
    assert granted == {ACCESS_SCOPE}
    assert ACCESS_SCOPE in c.Spawner.server_token_scopes
    assert c.Spawner.environment.get_value({"THEIRS": "1"}) == {
        "THEIRS": "1",
        "IPYCLAUDE_HUB_TOKEN_URL": f"{URL}/services/ipyclaude/token",
        "CONVEX_URL": "https://x.convex.cloud",
    }
    assert providers(text) == [
        {
            "type": "customJwt",
            "issuer": URL,
            "jwks": f"{URL}/services/ipyclaude/jwks.json",
            "algorithm": "ES256",
            "applicationID": AUDIENCE,
        }
    ]


def test_a_hub_that_convex_cannot_reach_gives_its_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keys go along as a `data:` URI, those to come included, the private parts not."""
    path = str(tmp_path / "keys.json")
    for _ in range(2):
        assert main(["hub", "rotate", path]) == 0
    assert main(["hub", "jwks", path]) == 0
    assert main(["hub", "jwks", path, "--url", URL]) == 0
    text, told = capsys.readouterr()
    assert told.count("did not exist") == 1
    uri = providers(text)[0]["jwks"]
    keys = json.loads(base64.b64decode(uri.partition("base64,")[2]))
    assert keys in [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert len(keys["keys"]) == 2
    assert not any("d" in key for key in keys["keys"])
    assert re.search(r"ROTATE_DAYS=0", text)


def test_a_wrong_url_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A name without a scheme is no URL, and is refused with an example."""
    assert main(["hub", "config", "hub.example.org"]) == 1
    assert "https://" in capsys.readouterr().err
