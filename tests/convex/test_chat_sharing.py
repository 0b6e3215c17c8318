"""Sharing from the chat's list of sessions, between two people's real kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hosts import Notebook
from kernels import Page
from labs import Labs
from tokens import MakeToken

from ipyclaude.messages import new_id
from ipyclaude.protocol import StatusChanged
from ipyclaude.testing import ScriptedModel

Start = Callable[[str], Notebook]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """A model that always says the same."""
    with ScriptedModel(default="Noted.") as scripted:
        yield scripted


@pytest.fixture
def start(model: ScriptedModel, labs: Labs, make_token: MakeToken) -> Start:
    """Start a kernel of a person of this name, on a server of their own."""

    def begin(name: str) -> Notebook:
        token = make_token(f"{name}-{new_id()}", name=name)
        return labs.start(model, name, token, IPYCLAUDE_SERVER_LABEL=f"{name}s-lab")

    return begin


def _chat(nb: Notebook) -> Page:
    assert nb.run("%claude_session chat").error == ""
    kinds = [(comm, state.get("kind")) for comm, state in nb.kernel.opened]
    page = Page(nb.kernel, next(comm for comm, kind in reversed(kinds) if kind == "chat"))
    page.ask("hello")
    return page


def _listed(page: Page) -> Any:
    (found,) = page.ask("sessions", query="plan", limit=9, offset=0)["sessions"]
    return found


def test_a_code_from_the_list_lets_one_person_in_who_is_then_seen(start: Start) -> None:
    """The line that the list gives makes a viewer; each sees the other, and whose it is."""
    ann, bob = start("ann"), start("bob")
    ann.run("%claude_session new plan")
    ann.run("%%claude\nWhat first?")
    page = _chat(ann)
    mine = _listed(page)
    ann.kernel.until(lambda: not page.ask("sessions", query="plan", limit=9, offset=0)["waiting"])
    given = page.ask("share", session_id=mine["client_id"], role="viewer")
    assert given["line"].startswith("%claude_session join ")
    assert bob.run(given["line"]).error == ""
    theirs = _chat(bob)
    found = _listed(theirs)
    assert (found["role"], found["owner"], found["server"]) == ("viewer", "ann", "anns-lab")
    refused = theirs.reply(theirs.send("share", session_id=mine["client_id"], role="viewer"))
    assert refused.error is not None
    assert "Only its owner" in refused.error.what

    def sees_bob() -> bool:
        told = [each.status for each in page.events if isinstance(each, StatusChanged)]
        return any(person.name == "bob" for status in told for person in status.people)

    ann.kernel.until(sees_bob)
