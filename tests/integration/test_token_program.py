"""Whose a program's token is, is known before any store is opened, and without network (S5)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from hosts import Notebook
from issued import Helper, jwt
from kernels import Kernel, Place

from ipyclaude.homes import key_of
from ipyclaude.testing import ScriptedModel

#: Nobody answers there: only the token says whose it is.
_NOWHERE = "http://127.0.0.1:9"
_NAMES = ("of-ada", "of-eve", "of-nobody")


def test_a_program_s_token_opens_its_person_s_store(
    start: Callable[..., Kernel], place: Place, model: ScriptedModel, tmp_path: Path
) -> None:
    """Before any server was reached, each sees only their own: in a kernel that runs as its program
    prints somebody else's token, and in a new one. While it fails nobody is signed in: it says why,
    and what is made stays on this machine (S14).
    """
    helper = Helper(tmp_path)
    variables = {
        "CONVEX_URL": _NOWHERE,
        "IPYCLAUDE_TOKEN_COMMAND": f"{sys.executable} {tmp_path / 'helper.py'}",
    }
    _prints(helper, "ada")
    nb = Notebook(start(place, model, **variables))
    nb.run("%claude_session new of-ada")
    _prints(helper, "eve")
    assert "Somebody else was signed in here before" in nb.run("%claude_session whoami").text
    assert _listed(nb) == set()
    nb.run("%claude_session new of-eve")
    nb.run("%reload_ext ipyclaude")
    assert _listed(nb) == {"of-eve"}
    assert "this machine only" not in nb.run("%claude_session status").text

    helper.says("sys.exit('no network here')")
    nb.run("%reload_ext ipyclaude")
    said = nb.run("%claude_session new of-nobody").text
    assert "no network here" in said
    assert "what you make stays on this machine" in said
    assert _listed(nb) == {"of-ada", "of-nobody"}
    _prints(helper, "ada")
    nb.run("%reload_ext ipyclaude")
    assert "1 session is on this machine only" in nb.run("%claude_session status").text
    assert _listed(nb) == {"of-ada", "of-nobody"}


def test_a_store_that_cannot_be_opened_holds_up_nobody_for_good(
    start: Callable[..., Kernel], place: Place, model: ScriptedModel, tmp_path: Path
) -> None:
    """Each cell says why the store of who is signed in now can't be had, until it can (S14)."""
    helper = Helper(tmp_path)
    command = f"{sys.executable} {tmp_path / 'helper.py'}"
    _prints(helper, "ada")
    kernel = start(place, model, CONVEX_URL=_NOWHERE, IPYCLAUDE_TOKEN_COMMAND=command)
    nb = Notebook(kernel)
    nb.run("%claude_session new of-ada")
    theirs = place.store_file.parent / "people" / f"{key_of('https://id.test|eve')}.sqlite3"
    theirs.mkdir(parents=True)
    _prints(helper, "eve")
    nb.run("%claude_session whoami")  # asks for a token
    for _ in range(2):
        shown = nb.run("%claude_session list")
        assert str(theirs) in shown.text
        assert "of-ada" not in shown.text
    theirs.rmdir()
    assert _listed(nb) == set()


def _prints(helper: Helper, name: str) -> None:
    # It has ended: the program is asked each time.
    helper.says(f"print({jwt(iss='https://id.test', sub=name, exp=1)!r})")


def _listed(nb: Notebook) -> set[str]:
    shown = nb.run("%claude_session list --all").text
    return {name for name in _NAMES if name in shown}
