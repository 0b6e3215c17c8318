"""The same scenario by the official clients and by ours, with the same results.

It shows two things at once: that our server is one that the official clients take for Convex, and
that our client is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from functions import SERVER
from hatch import load_hatch_build
from tokens import Issuer

HERE = Path(__file__).parent
SCENARIO = HERE / "scenario.json"
PEERS = {
    "npm": ["node", str(SERVER / "peers/npm.ts")],
    "pypi": [sys.executable, str(HERE / "peers/pypi.py")],
    "ours": [sys.executable, str(HERE / "peers/ours.py")],
}


def play(name: str, server: ConvexServer, issuer: Issuer) -> list[Any]:
    """Let a client play the scenario; return what came of each step that it can do."""
    # Another name makes another token, for the one that the scenario revokes.
    tokens = [issuer.token(f"ada-{name}", nickname=str(n)) for n in range(3)]
    given = {
        "url": server.url,
        "control": server.control,
        "tokens": {"ada": tokens},
        "scenario": str(SCENARIO),
    }
    with load_hatch_build().node_environment() as env:
        done = subprocess.run(
            PEERS[name],
            env=env,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    lines = [line[4:] for line in done.stdout.splitlines() if line.startswith("GOT ")]
    assert done.returncode == 0, f"{lines}\n{done.stderr}"
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", PEERS)
def test_a_client_gets_what_the_scenario_says(
    name: str, sample: ConvexServer, issuer: Issuer
) -> None:
    """Values, errors, subscriptions, reconnects and refreshed tokens, as each client has them."""
    steps = json.loads(SCENARIO.read_text())
    wanted = [step for step in steps if name not in step.get("unlike", {})]
    got = play(name, sample, issuer)
    told = [(step["do"], step.get("path"), step.get("expect")) for step in wanted]
    assert [(do, path, have) for (do, path, _), have in zip(told, got, strict=True)] == told
