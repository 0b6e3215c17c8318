"""After all that happened on the hubs, no token is anywhere it has no business (S6)."""

from __future__ import annotations

from hubs import Hub
from places import arguments, files, leaks, private_keys

_CELLS = (
    "%load_ext ipyclaude",
    "%claude_session whoami",
    "from ipyclaude.magics import _loaded\n"
    "from pathlib import Path\n"
    "token = await _loaded.open().identity.token(True)\n"
    "import os\n"
    "_ = Path('held').write_text(token.reveal() + chr(10) + os.environ['JUPYTERHUB_API_TOKEN'])",
    "token, [token], {'token': token}, f'{token}', vars(type(token))",
    "%whos",
    "import logging; logging.basicConfig(level=logging.DEBUG)\n"
    "await _loaded.open().identity.token(True)",
    "def fails(token): raise ValueError(token)",
    "fails(token)",
    "_loaded.open().identity.choice.source._url = 'http://127.0.0.1:9/gone'\n"
    "_loaded.open().identity.choice.source._kept._last = None\n"
    "await _loaded.open().identity.token(True)",
    "%claude_session whoami",
    "%claude_session logout",
    "%claude_session status",
)


def test_no_token_leaks(hub: Hub) -> None:
    """Outputs, logs, stores, tracebacks, homes and process arguments hold none that was issued."""
    hub.trade(hub.add_token("ada", scopes=["access:services!service=ipyclaude"])[0])
    hub.spawn("ada")
    with hub.kernel("ada") as kernel:
        shown = [kernel.run(cell) for cell in _CELLS]
        held = hub.state / "home" / "ada" / "held"
        secrets = [*hub.secrets, *held.read_text().split(), *private_keys(hub)]
        held.unlink()
        commands = arguments(hub)
    assert "ada" in shown[1]
    assert "could not be reached" in shown[8]
    assert len(secrets) >= 5
    places = [
        ("a cell's output", "\n".join(hub.outputs)),
        ("process arguments", commands),
        *files(hub),
    ]
    assert any(name.endswith("ipyclaude.sqlite3") for name, _ in places)
    assert any(name.endswith("hub.log") for name, _ in places)
    assert leaks(places, secrets) == set()
