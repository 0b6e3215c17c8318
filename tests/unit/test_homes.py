"""Whose store is whose: nobody opens, shows or binds another person's (S5)."""

from __future__ import annotations

import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ipyclaude.exceptions import CloudRefused
from ipyclaude.homes import FIRST, Home, Homes, home_for, home_of, key_of, noted, told_apart
from ipyclaude.identity.choose import Choice, Identity
from ipyclaude.messages import SessionInfo
from ipyclaude.store.replication import Replication
from ipyclaude.store.sqlite import SqliteStore

ADA, EVE, URL = "https://id.test|ada", "https://id.test|eve", "https://one.convex.test"


def test_the_first_person_and_nobody_share_the_first_home() -> None:
    """What was made before anybody signed in is in the store of the first who does."""
    assert home_of({}, "") == home_of({}, ADA) == FIRST
    known = noted({}, FIRST, ADA)
    assert home_of(known, "") == home_of(known, ADA) == FIRST


def test_everybody_else_has_their_own() -> None:
    """The second person gets another home, the same each time; the third yet another."""
    known = noted({}, FIRST, ADA)
    theirs = home_of(known, EVE)
    known = noted(known, theirs, EVE)
    assert theirs == home_of(known, EVE) != FIRST
    assert home_of(known, "https://id.test|bo") not in (FIRST, theirs)


def test_an_identity_has_one_home() -> None:
    """Whoever goes over to another home is known there alone; one of nobody is forgotten."""
    known = noted(noted({}, FIRST, ADA, "url u1"), "k", EVE)
    known = noted(known, FIRST, EVE)
    assert known == {FIRST: Home("url u1", (ADA, EVE))}


def test_a_home_is_found_by_all_names_of_its_account() -> None:
    """An account that became another one finds its home by either name."""
    known = noted({}, "k", ADA, "url u1")
    assert home_for(known, {"url u2", "url u1"}) == "k"
    assert home_for(known, {"url u2"}) is None


def test_a_home_that_is_of_another_is_left_to_it() -> None:
    """Who was let in by mistake gets the home of their account, else a new one."""
    known = told_apart(noted({}, FIRST, EVE), FIRST, EVE, "url u2", (), "url u1")
    assert known[FIRST] == Home("url u1", ())
    assert home_of(known, EVE) == key_of("url u2")
    known = noted(known, key_of("url u2"), EVE, "url u2")
    again = told_apart(known, FIRST, "other", "url u2", (), "url u1")
    assert home_of(again, "other") == home_of(again, EVE)


@dataclass
class Desk:
    """A folder, and who is signed in at it."""

    folder: Path
    who: str = ADA
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.identity = Identity(lambda: Choice("static", "", None, lambda: self.who))

    def homes(self) -> Homes:
        """Return the homes as a kernel that starts now has them."""
        return Homes(self.folder / "data" / "ipyclaude.sqlite3", self.identity, shared=True)

    def sign_in(self, who: str) -> None:
        """Let somebody sign in, under running kernels."""
        self.who = who
        self.identity.choose_again()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@contextmanager
def opened(homes: Homes) -> Generator[tuple[SqliteStore, Replication], None, None]:
    store = SqliteStore(homes.path)
    try:
        yield store, Replication(store)
    finally:
        store.close()


def test_a_kernel_learns_that_somebody_else_signed_in(desk: Desk) -> None:
    """It is told so, once it is; the next one opens the other's store, readable by them alone."""
    homes = desk.homes()
    told: list[bool] = []
    homes.on_away = lambda: told.append(homes.away)
    desk.sign_in(ADA)
    assert told == []
    desk.sign_in(EVE)
    assert told == [True]
    theirs = desk.homes()
    with opened(theirs):
        assert theirs.path != homes.path
        assert stat.S_IMODE(theirs.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(theirs.path.parent.stat().st_mode) == 0o700
    desk.sign_in("")
    assert not homes.away
    assert theirs.away


def test_what_was_never_sent_is_not_sent_by_another(desk: Desk) -> None:
    """A store that somebody signed in to without network isn't bound to whoever comes next."""
    homes = desk.homes()
    with opened(homes) as (_, replication):
        desk.sign_in(EVE)
        with pytest.raises(CloudRefused, match="another store"):
            homes.claim(replication, f"{URL} u2", ())
        desk.sign_in(ADA)
        assert homes.claim(replication, f"{URL} u1", ()) == f"{URL} u1"


def test_a_store_of_before_is_its_account_s(desk: Desk) -> None:
    """Where nothing is noted the server says whose a store is; the other one goes elsewhere."""
    first = desk.folder / "data" / "ipyclaude.sqlite3"
    store = SqliteStore(first)
    Replication(store).claim(f"{URL} u1")
    store.close()
    desk.sign_in(EVE)
    homes = desk.homes()
    assert homes.path == first
    with opened(homes) as (_, replication):
        assert homes.claim(replication, f"{URL} u2", ()) == f"{URL} u1"
    assert homes.away
    assert desk.homes().path != first


def test_a_linked_identity_finds_its_person_s_store(desk: Desk) -> None:
    """Another identity of the same account goes on in its store, if its own is still empty."""
    homes = desk.homes()
    with opened(homes) as (_, replication):
        homes.claim(replication, f"{URL} u1", ())
    desk.sign_in(EVE)
    with opened(own := desk.homes()) as (store, replication):
        store.put(SessionInfo(name="offline", cwd=""))
        assert own.claim(replication, f"{URL} u1", ()) == f"{URL} u1"
    desk.sign_in("third")
    with (
        opened(own := desk.homes()) as (_, replication),
        pytest.raises(CloudRefused, match="another store"),
    ):
        own.claim(replication, f"{URL} u1", ())
    assert own.away
    assert desk.homes().path == homes.path


def test_another_deployment_moves_nobody(desk: Desk) -> None:
    """The same person at another deployment is refused in words, and keeps their store in view."""
    homes = desk.homes()
    with opened(homes) as (_, replication):
        homes.claim(replication, f"{URL} u1", ())
        assert homes.claim(replication, "https://two.convex.test u9", ()) == f"{URL} u1"
    assert not homes.away
    assert desk.homes().path == homes.path


def test_a_broken_note_is_made_anew(desk: Desk) -> None:
    """What can't be read counts as nothing: the server says the rest."""
    desk.homes()
    (desk.folder / "data" / "people.json").write_text("[1")
    assert desk.homes().path.name == "ipyclaude.sqlite3"
