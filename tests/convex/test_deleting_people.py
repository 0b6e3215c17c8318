"""An administrator deletes a person by the command of the page for them."""

from __future__ import annotations

import re
import shlex
import time

from convex_server import ConvexServer
from hatch import ROOT
from tokens import MakeToken

from ipyclaude.api_version import API_VERSION
from ipyclaude.messages import new_id

ADMINS = (ROOT / "docs/jupyterhub-admins.md").read_text()


def test_the_command_deletes_a_person(convex: ConvexServer, make_token: MakeToken) -> None:
    """It leaves nothing under their name, and nobody else loses anything (S5)."""
    found = re.search(r"^ *npx convex (run users:erase .*)$", ADMINS, re.M)
    assert found
    people = [f"{name}-{new_id()}" for name in ("ada", "eve")]
    for sub in people:
        session = {
            "clientId": new_id(),
            "createdAt": 1,
            "name": f"of {sub}",
            "cwd": "/",
            "phase": {"type": "idle"},
            "isClaudeBusy": False,
            "lastActivityAt": 1,
        }
        args = {"session": session, "api": API_VERSION}
        convex.call("mutation", "sessions:create", args, token=make_token(sub, name=sub))
    words = found[1].replace("https://hub.example.org|ada", f"{convex.issuer.url}|{people[0]}")
    convex.cli(*shlex.split(words))
    # What was sent off goes on by itself, in batches.
    deadline = time.monotonic() + 60
    while people[0] in (left := _rows(convex)):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert f"of {people[1]}" in left


def _rows(convex: ConvexServer) -> str:
    """Return all that tables hold; Convex's own list of what was scheduled names its arguments."""
    return str({name: rows for name, rows in convex.rows().items() if not name.startswith("_")})
