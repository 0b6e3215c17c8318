"""One page, and only one, changes the notebook's cells."""

from __future__ import annotations

import asyncio

import pytest

from ipyclaude import hands as module
from ipyclaude.hands import Hands
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
