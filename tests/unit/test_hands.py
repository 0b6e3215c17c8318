"""One page, and only one, changes the notebook's cells; and what it did is taken back in order."""

from __future__ import annotations

import asyncio

import pytest

from ipyclaude import hands as module
from ipyclaude.hands import Hands
from ipyclaude.notebook.undoing import Undo
from ipyclaude.protocol import CellChange
from ipyclaude.requests import Changed


def change(name: str) -> CellChange:
    return CellChange(id=name, op="edit", cell_id="c", source=name)


@pytest.mark.asyncio
async def test_the_page_that_claims_first_does_it() -> None:
    """A second claim is refused, and the first page's answer is the result."""
    sent: list[CellChange] = []
    hands = Hands(sent.append)
    doing = asyncio.ensure_future(hands.change(change("a")))
    await asyncio.sleep(0)
    assert sent == [change("a")]
    assert [hands.claim("a"), hands.claim("a"), hands.claim("b")] == [True, False, False]
    done = Changed(id="1", change_id="a", cell_id="c", source="before")
    hands.changed(done)
    hands.changed(Changed(id="2", change_id="a", error="late"))
    assert await doing == done
    assert not hands.claim("a")


@pytest.mark.asyncio
@pytest.mark.parametrize("claims", [False, True])
async def test_where_no_page_does_it_nothing_is_waited_for(
    claims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page, or one that went away in the middle: the answer is None."""
    monkeypatch.setattr(module, "CLAIM_SECONDS", 0.01)
    monkeypatch.setattr(module, "DONE_SECONDS", 0.01)
    hands = Hands(lambda _: None)
    doing = asyncio.ensure_future(hands.change(change("a")))
    await asyncio.sleep(0)
    assert hands.claim("a") or not claims
    assert await doing is None


def test_the_last_turn_is_taken_back_first_and_backwards() -> None:
    """Each session has its own turns, and what could not be undone is kept."""
    undo = Undo()
    for turn, name in (("1", "a"), ("2", "b"), ("2", "c")):
        undo.note("s", turn, change(name))
    assert undo.take("other") == ()
    last = undo.take("s")
    assert [each.source for each in last] == ["c", "b"]
    undo.put_back("s", "2", last[1:])
    assert undo.last("s") == "2"
    assert undo.take("s") == (change("b"),)
    assert undo.take("s") == (change("a"),)
    assert undo.take("s") == ()
