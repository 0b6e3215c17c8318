"""Whose store is whose on this machine: everybody who signs in here has their own.

The store of whoever signed in first is the settings' file, where the sessions of nobody are, too;
those of others are in `people/` beside it. `people.json` notes the identities that came to each,
so that the right one is opened without asking anybody, and the account that it is replicated to,
so that the linked identities of one person find the same.

Whose a token is it says itself, and nobody verifies that here. Who makes one up opens files that
their account on this machine can read anyway, and sends nothing: the server verifies it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from .exceptions import CloudRefused, IpyClaudeError, TokenUnavailable
from .identity.choose import Identity, choose
from .identity.private import write_private
from .identity.sign_in import SignIns
from .runtime import Runtime
from .settings import IPyClaude
from .store.replication import Replication

#: The home of whoever signed in first, and of nobody.
FIRST = ""
_LOCK_SECONDS = 10.0
#: How long the first cell waits for the program that says who is signed in.
_LEARN_SECONDS = 10.0


@dataclass(frozen=True)
class Home:
    """Whose a store is: the account it is replicated to, once it is, and its identities."""

    account: str = ""
    people: tuple[str, ...] = ()


Known = Mapping[str, Home]


def home_of(known: Known, person: str) -> str:
    """Return the home of an identity: its own, else the first if nobody has it, else a new one."""
    if not person:
        return FIRST
    found = (key for key, home in known.items() if person in home.people)
    return next(found, FIRST if FIRST not in known else key_of(person))


def home_for(known: Known, mine: Collection[str]) -> str | None:
    """Return the home of an account, by any of its names."""
    return next((key for key, home in known.items() if home.account in mine), None)


def noted(known: Known, key: str, person: str, account: str = "") -> Known:
    """Note whose a home is; an identity has one home."""
    homes = {
        each: replace(home, people=tuple(p for p in home.people if p != person))
        for each, home in known.items()
    }
    home = homes.get(key, Home())
    people = (*home.people, person) if person else home.people
    homes[key] = Home(account or home.account, people)
    return {each: home for each, home in homes.items() if home.people or home.account}


def told_apart(
    known: Known, here: str, person: str, account: str, former: Collection[str], stands: str
) -> Known:
    """Note that the home that was opened for an identity is of another account."""
    known = noted(known, here, "", stands)
    return noted(known, home_for(known, {account, *former}) or key_of(account), person)


def key_of(text: str) -> str:
    """Return what a home is called, the same each time: no name of a person is in it."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unknown(identity: Identity, runtime: Runtime) -> str:
    """Say why it can't be known who is signed in (main thread); an empty text where it is.

    Then nobody is, until the program that prints tokens says more: it goes on meanwhile.
    """
    try:
        asked = runtime.submit(identity.learn())
        if not wait([asked], _LEARN_SECONDS).done:
            return f"{identity.choice.words} It takes more than {_LEARN_SECONDS:.0f} s."
    except KeyboardInterrupt:
        runtime.close()
        raise
    error = asked.exception()
    return str(error) if isinstance(error, TokenUnavailable) else ""


class Homes:
    """The home of a kernel, and whether it still is that of who is signed in.

    Parameters
    ----------
    first
        The settings' store.
    identity
        Who is signed in.
    shared
        False where there is nobody to sign in to: then there is one home.
    """

    def __init__(self, first: Path, identity: Identity, *, shared: bool) -> None:
        self._first, self._identity, self._shared = first, identity, shared
        self._file = first.parent / "people.json"
        self._key = self._enter()
        #: The store of this kernel.
        self.path = self._path(self._key)
        #: Somebody else is signed in by now.
        self.away = False
        #: Called, on any thread, when that is so.
        self.on_away: Callable[[], None] = lambda: None
        self._unheard = identity.on_change(self.look)

    def close(self) -> None:
        """Look no more."""
        self._unheard()

    @property
    def is_known(self) -> bool:
        """Whether it is known who is signed in: what is made meanwhile is nobody's yet."""
        return bool(self._person())

    def ask(self) -> None:
        """Look again if the tokens are somebody else's by now, as a variable can make them."""
        if self._shared:
            with suppress(IpyClaudeError):  # whoever needs a token is told
                self._identity.look()

    def look(self) -> None:
        """See whether this still is the home of who is signed in."""
        self.away = self._enter() != self._key
        if self.away:
            self.on_away()

    def claim(self, replication: Replication, account: str, former: Collection[str]) -> str:
        """Bind the store to the account that the server names; return the one that stands.

        Raises
        ------
        CloudRefused
            The account has another store here.
        """
        if not self._shared:
            return replication.claim(account, former)
        try:
            return self._claim(replication, account, former)
        finally:
            self.look()

    def _claim(self, replication: Replication, account: str, former: Collection[str]) -> str:
        person, here = self._person(), self._key
        with self._locked():
            known = self._read()
            other = home_for(known, {account, *former})
            if person and other not in (None, here) and replication.is_fresh:
                known = noted(known, other or FIRST, person)
                self._write(known)
            if person and home_of(known, person) != here:
                raise CloudRefused(
                    "Your sessions are in another store on this machine.",
                    why="Each person who signs in here has their own.",
                    fix="Any %claude_session goes on there.",
                    code="AnotherAccount",
                )
            stands = replication.claim(account, former)
            if stands == account:
                self._write(noted(known, here, person, account))
            elif person and stands.partition(" ")[0] == account.partition(" ")[0]:
                self._write(told_apart(known, here, person, account, former, stands))
            return stands

    def _enter(self) -> str:
        """Return the home of who is signed in; it is theirs from now on, also without network."""
        person = self._person()
        if not person:
            return FIRST
        try:
            with self._locked():
                known = self._read()
                key = home_of(known, person)
                if key not in known or person not in known[key].people:
                    self._write(noted(known, key, person))
        except OSError:  # the store in the same folder says what is wrong with it
            return home_of(self._read(), person)
        return key

    def _person(self) -> str:
        if not self._shared:
            return ""
        try:
            return self._identity.choice.person()
        except IpyClaudeError:  # whoever needs a token is told
            return ""

    def _path(self, key: str) -> Path:
        return self._first if key == FIRST else _others(self._first) / f"{key}{self._first.suffix}"

    @contextmanager
    def _locked(self) -> Generator[None, None, None]:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(self._file.with_suffix(".lock"), timeout=_LOCK_SECONDS, mode=0o600):
            yield

    def _read(self) -> Known:
        try:
            rows: Any = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                str(key): Home(str(row["account"]), tuple(map(str, row["people"])))
                for key, row in rows.items()
            }
        # Without it the server says whose the first one is.
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return {}

    def _write(self, known: Known) -> None:
        rows = {key: asdict(home) for key, home in known.items()}
        write_private(self._file, json.dumps(rows, indent=1))


def _others(first: Path) -> Path:
    return first.parent / "people"


def stores(first: Path) -> list[Path]:
    """Return the stores of those who are not the first."""
    return sorted(_others(first).glob(f"*{first.suffix}"))


def store_path(settings: IPyClaude) -> Path:
    """Return the store of who is signed in, for a command that is no kernel.

    Raises
    ------
    TokenUnavailable
        Only the program that prints tokens could say who that is, and it says nothing.
    """
    sign_ins = SignIns(settings.store_path.parent, settings.convex_url)
    identity = Identity(lambda: choose(settings, os.environ, sign_ins.choice))
    if settings.convex_url:
        asyncio.run(identity.learn())
    return Homes(settings.store_path, identity, shared=bool(settings.convex_url)).path
