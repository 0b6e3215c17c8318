"""Claude and its tools never see a token of ours, and neither does what is kept (S6)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

from hosts import Notebook
from kernels import Kernel, Place

from ipyclaude.testing import Reply, ScriptedModel, tool

StartKernel = Callable[..., Kernel]


def _jwt(**claims: object) -> str:
    parts = [{"alg": "none"}, claims, {"seal": "of nobody"}]
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join(texts)


def test_no_token_reaches_claude_or_what_is_kept(
    start: StartKernel, place: Place, model: ScriptedModel
) -> None:
    """Of the environment's tokens none is in a request, a tool, an output, the store or a file."""
    secrets = {
        "CONVEX_AUTH_TOKEN": _jwt(sub="ada", exp=time.time() + 600),
        "JUPYTERHUB_API_TOKEN": "0123456789abcdef0123456789abcdef",
        "JPY_API_TOKEN": "fedcba9876543210fedcba9876543210",
        "IPYCLAUDE_HUB_KEYS": '{"d": "a private key of the hub"}',
    }
    nb = Notebook(start(place, model, **secrets))
    model.script(
        Reply(tool("Bash", {"command": "env; cat /proc/$PPID/environ", "description": "Look"})),
        "Over.",
    )
    nb.run("%claude --allow Bash look around")
    looked = json.dumps(model.requests[1].results)
    assert "PATH=" in looked, "the tool did not run"
    assert "ada" in nb.run("%claude_session whoami").text
    nb.run("from ipyclaude.magics import _loaded\napp = _loaded.open()")
    nb.run("token = app.runtime.run(app.identity.token(False))\ntoken")
    nb.run("def fails(token): raise ValueError(token)")
    nb.run("fails(token)")
    nb.run("%whos")
    nb.run("%claude_session export out.md")
    places = {
        "requests": json.dumps([model.requests, model.side_requests]),
        "what the front end was told": json.dumps(nb.heard, default=str),
        **{
            str(path): path.read_bytes().decode("latin-1")
            for path in place.root.rglob("*")
            if path.is_file()
        },
    }
    assert any(name.endswith("ipyclaude.sqlite3") for name in places)
    found = {
        (where, name)
        for where, text in places.items()
        for name, secret in secrets.items()
        if secret in text
    }
    assert found == set()
