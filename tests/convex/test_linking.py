"""Two identities become one person while their kernels run, or not: nothing is lost or mixed up."""

from __future__ import annotations

from pathlib import Path

import pytest
from convex_server import ConvexServer
from machines import Machine, exchange, message, running
from tokens import MakeToken

from ipyclaude.exceptions import CloudRefused
from ipyclaude.messages import SessionInfo, new_id
from ipyclaude.replica.linking import Linking

pytestmark = pytest.mark.asyncio


class Two:
    """Two machines, signed in as two identities."""

    def __init__(self, url: str, make_token: MakeToken, folder: Path) -> None:
        one = new_id()
        self.tokens = [make_token(f"ada-{side}-{one}", name=side) for side in "ab"]
        self.url, self.folder = url, folder
        self.a, self.b = self.machine(0), self.machine(1)

    def machine(self, side: int, name: str = "") -> Machine:
        path = self.folder / (name or "ab"[side]) / "store.sqlite3"
        return Machine(self.url, self.tokens[side], path)

    async def link(self) -> None:
        """Link them as the commands do."""
        maker, redeemer = Linking(self.a.cloud), Linking(self.b.cloud)
        code = (await maker.start()).text.lower()
        await redeemer.redeem(code, await redeemer.look(code))
        other = (await maker.mine()).redeemed_by
        assert other is not None
        assert (other.name, other.issuer) == ("b", "https://issuer.test")
        await maker.confirm(other)


@pytest.fixture
def two(convex: ConvexServer, make_token: MakeToken, tmp_path: Path) -> Two:
    return Two(convex.url, make_token, tmp_path)


async def test_running_kernels_get_all_of_both(two: Two) -> None:
    """Both have each other's sessions without a restart, and what either says goes on (S2, S3)."""
    first, second = SessionInfo(name="of a", cwd=""), SessionInfo(name="of b", cwd="")
    a, b = two.a, two.b
    async with running(a, b):
        a.store.put(first, *exchange(first, 1))
        a.replica.open(first)
        await a.flushed()
        b.store.put(second, *exchange(second, 1))
        b.replica.open(second)
        await b.flushed()
        await two.link()
        opened = [await a.opened("of b"), await b.opened("of a")]
        assert [info.client_id for info in opened] == [second.client_id, first.client_id]
        assert a.texts(second.client_id) == b.texts(second.client_id)
        assert a.texts(first.client_id) == b.texts(first.client_id)
        b.store.put(message(second, "more of b"), message(first, "of b, too"))
        await b.flushed()
        assert not b.replica.parked()
        await a.shows(second.client_id, "more of b")
        await a.shows(first.client_id, "of b, too")
        await b.until(lambda: b.replica.standing().sync == "synced")


async def test_a_kernel_that_was_away_comes_back_as_the_one_person(two: Two) -> None:
    """What waited in its store is sent then, and what the other had before comes (S14)."""
    early, late = SessionInfo(name="early", cwd=""), SessionInfo(name="late", cwd="")
    async with running(two.a):
        two.a.store.put(early, message(early, "of a"))
        await two.a.flushed()
        async with running(two.b):
            two.b.store.put(late, message(late, "sent"))
            await two.b.flushed()
            await two.link()
        again = two.machine(1)
        again.store.put(message(late, "waited"))
        async with running(again):
            await again.flushed()
            assert (await again.opened("early")).client_id == early.client_id
        await two.a.opened("late")
        assert two.a.texts(late.client_id) == ["sent", "waited"]


async def test_an_unlinked_identity_is_somebody_else(two: Two) -> None:
    """Its running kernel sends no more and says why; a new store of it sees nothing (S5)."""
    info = SessionInfo(name="one", cwd="")
    async with running(two.a, two.b):
        two.b.store.put(info, message(info, "before"))
        await two.b.flushed()
        await two.link()
        await two.a.opened("one")
        mine = Linking(two.a.cloud)
        gone = next(each for each in (await mine.mine()).identities if not each.here)
        await mine.unlink(gone)
        await two.b.until(lambda: two.b.replica.standing().sync == "refused")
        assert "another account" in two.b.replica.standing().detail
        two.b.store.put(message(info, "after"))
        new = two.machine(1, "new")
        async with running(new):
            await new.replica.settled()
            assert new.store.sessions() == []
        assert two.a.texts(info.client_id) == ["before"]
        with pytest.raises(CloudRefused, match="only identity"):
            await mine.unlink((await mine.mine()).identities[0])


@pytest.mark.parametrize("typed", ["", "wrong", "own"])
async def test_a_code_that_is_none_is_refused_in_words(two: Two, typed: str) -> None:
    """A mistyped code, an old one and one's own: each says what to do (S14)."""
    async with running(two.a):
        mine = Linking(two.a.cloud)
        code = (await mine.start()).text if typed == "own" else typed
        with pytest.raises(CloudRefused) as refused:
            await mine.look(code)
        assert refused.value.code == ("OwnCode" if typed == "own" else "BadCode")
        assert "other identity" in refused.value.fix or "new one" in refused.value.fix
