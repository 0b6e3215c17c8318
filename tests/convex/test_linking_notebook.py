"""Linking from two notebooks, as a person does it: each side sees the other and agrees."""

from __future__ import annotations

import re

import pytest
from hosts import Notebook
from labs import Labs
from tokens import MakeToken

from ipyclaude.messages import new_id
from ipyclaude.testing import ScriptedModel


@pytest.fixture
def notebooks(model: ScriptedModel, labs: Labs, make_token: MakeToken) -> list[Notebook]:
    """Kernels of two identities of one person."""
    one = new_id()
    return [
        labs.start(model, side, make_token(f"{side}-{one}", name=f"Ada of {side}")) for side in "ab"
    ]


def test_two_notebooks_link_and_unlink(notebooks: list[Notebook]) -> None:
    """Codes go from one to the other; nothing happens without both; `whoami` shows both."""
    a, b = notebooks
    code = _code(a)
    shown = b.run(f"%claude_session link {code}", answers=["n"])
    assert "Ada of a" in shown.text
    assert "Is this you?" in shown.asked[0]
    assert "Nothing was linked" in shown.text
    assert "confirm it where" in b.run(f"%claude_session link {code}", answers=["y"]).text
    assert "can't be used" in b.run(f"%claude_session link {code}", answers=["y"]).text
    assert "to confirm" in a.run("%claude_session whoami").text
    assert "needs somebody to look" in a.run("%claude_session link").text
    shown = a.run("%claude_session link", answers=["n"])
    assert "Ada of b" in shown.text
    assert "void" in shown.text

    b.run(f"%claude_session link {_code(a)}", answers=["y"])
    assert "is you, too" in a.run("%claude_session link", answers=["y"]).text
    for side, other in ((a, "b-"), (b, "a-")):
        assert re.search(rf"linked\W+{other}\S+ at https://issuer.test", _whoami(side))
    assert "Add --yes" in b.run("%claude_session unlink").text
    assert "somebody new" in b.run("%claude_session unlink --yes").text
    assert "linked" not in _whoami(b)
    assert "Nothing is linked" in b.run("%claude_session unlink --yes").text


def _code(nb: Notebook) -> str:
    found = re.search(r"link (\w{5}-\S+)", nb.run("%claude_session link", answers=[]).text)
    assert found
    return found[1]


def _whoami(nb: Notebook) -> str:
    return nb.run("%claude_session whoami").text
