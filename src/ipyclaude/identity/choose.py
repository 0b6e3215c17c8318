"""Which token source is used: what is set, the hub's user, a stored sign-in, or none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..exceptions import SettingsError
from ..settings import IPyClaude
from . import Token, TokenSource
from .claims import known_as, person_of
from .jupyterhub import HUB_TOKEN_VARIABLE, URL_VARIABLE, on_hub

TOKEN_VARIABLE = "CONVEX_AUTH_TOKEN"  # noqa: S105 - a variable's name

Kind = Literal["static", "command", "jupyterhub", "oidc", "convex_auth", "none"]
#: The kinds that a person signs in and out of.
STORED: tuple[Kind, ...] = ("oidc", "convex_auth")


@dataclass(frozen=True)
class Choice:
    """A token source, and in words for a person where its tokens come from."""

    kind: Kind
    words: str
    source: TokenSource | None = None
    #: Tells one person from another on this machine, without network; empty where it can't.
    person: Callable[[], str] = lambda: ""


def choose(
    settings: IPyClaude,
    env: Mapping[str, str] = os.environ,
    stored: Callable[[], Choice | None] = lambda: None,
) -> Choice:
    """Choose the token source.

    Parameters
    ----------
    stored
        Returns the stored sign-in, if there is one.

    Raises
    ------
    SettingsError
        `identity` asks for a source that is not there; it says what is missing.
    """
    makers: dict[str, Callable[[], Choice | None]] = {
        "static": lambda: _static(env),
        "command": lambda: _command(settings),
        "jupyterhub": lambda: _jupyterhub(env),
        "oidc": stored,
        "convex_auth": stored,
    }
    nobody = Choice("none", "Nobody is signed in.")
    if settings.identity == "none":
        return nobody
    if settings.identity in makers:
        found = makers[settings.identity]()
        if found is not None and found.kind == settings.identity:
            return found
        if settings.identity in STORED:
            return nobody  # until somebody signs in
        raise SettingsError(
            f"identity is {settings.identity!r}, but there is no token by it.",
            fix=_MISSING[settings.identity],
        )
    found = (make() for make in makers.values())
    return next((choice for choice in found if choice is not None), nobody)


_MISSING = {
    "static": f"Set {TOKEN_VARIABLE}.",
    "command": "Set c.IPyClaude.token_command (IPYCLAUDE_TOKEN_COMMAND) to a program.",
    "jupyterhub": f"A JupyterHub's server has {HUB_TOKEN_VARIABLE} and {URL_VARIABLE}; "
    "`ipyclaude hub config` prints what the hub needs.",
}


def _static(env: Mapping[str, str]) -> Choice | None:
    if not env.get(TOKEN_VARIABLE):
        return None
    from .static import StaticToken

    source = StaticToken(lambda: env.get(TOKEN_VARIABLE))
    words = f"The token in {TOKEN_VARIABLE}."
    return Choice("static", words, source, lambda: person_of(env.get(TOKEN_VARIABLE) or ""))


def _command(settings: IPyClaude) -> Choice | None:
    if not settings.token_command:
        return None
    from .command import CommandToken

    source = CommandToken(settings.token_command)
    words = f"The program {settings.token_command[0]!r}."
    return Choice("command", words, source, lambda: source.person)


def _jupyterhub(env: Mapping[str, str]) -> Choice | None:
    if not on_hub(env):
        return None
    from .jupyterhub import JupyterHubToken

    name = env.get("JUPYTERHUB_USER", "")
    words = f"The JupyterHub's user{f' {name!r}' if name else ''}."
    source = JupyterHubToken(env[URL_VARIABLE], lambda: env.get(HUB_TOKEN_VARIABLE))
    return Choice("jupyterhub", words, source, lambda: known_as(env[URL_VARIABLE], name))


class Identity:
    """The `TokenSource` of a kernel: whatever is chosen now, also after signing in or out."""

    def __init__(self, choose: Callable[[], Choice]) -> None:
        self._choose = choose
        self._choice: Choice | None = None
        self._person = ""
        #: Any thread may ask, and look.
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def choice(self) -> Choice:
        """What is chosen; decided when it is first asked for."""
        with self._lock:
            if self._choice is None:
                self._choice = self._choose()
                self._person = self._choice.person()
            return self._choice

    def choose_again(self) -> Choice:
        """Decide anew: somebody signed in or out."""
        with self._lock:
            self._choice = None
            choice = self.choice
        self._tell()
        return choice

    def look(self) -> None:
        """See whether the tokens are somebody else's by now: nobody has to sign in for that."""
        with self._lock:
            person = self.choice.person()
            changed, self._person = person != self._person, person
        if changed:
            self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` (any thread) when somebody signed in or out; return the unsubscriber."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def token(self, force_refresh: bool) -> Token | None:
        """Return a token of the chosen source, None if nobody is signed in."""
        source = self.choice.source
        token = None if source is None else await source.token(force_refresh)
        # Before anybody uses it: what is open may be the last person's. Whoever hears it may block.
        if self._is_somebody_else():
            await asyncio.to_thread(self.look)
        return token

    def _is_somebody_else(self) -> bool:
        with self._lock:
            return self.choice.person() != self._person

    async def learn(self) -> None:
        """Learn whose the tokens are, where only the program that prints them can say.

        Raises
        ------
        TokenUnavailable
            It says nothing now.
        """
        if self.choice.kind == "command":
            await self.token(False)
