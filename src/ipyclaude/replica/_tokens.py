"""The tokens of one client: asked for one at a time, and by force only where one was refused."""

from __future__ import annotations

import asyncio
import logging

from ..exceptions import CloudUnreachable, IpyClaudeError
from ..identity import Token, TokenSource

_log = logging.getLogger(__name__)


class Tokens:
    """Asks a `TokenSource`; None stands for a client that has none and calls as nobody."""

    def __init__(self, source: TokenSource | None) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self._last: Token | None = None
        self._force = False

    @property
    def anonymous(self) -> bool:
        """True where no tokens are used at all."""
        return self._source is None

    async def get(self) -> Token | None:
        """Return the token to use now, None if nobody is signed in.

        Raises
        ------
        IpyClaudeError
            None can be had now.
        """
        if self._source is None:
            return None
        async with self._lock:
            token = await _ask(self._source, force=self._force)
            self._last, self._force = token, False
            return token

    def reject(self, token: Token | None) -> None:
        """Note that Convex refused this one, so that the next is a newer one."""
        if token == self._last:
            self._force = True

    async def renewed(self, token: Token) -> Token | None:
        """Return a newer token than this one, if there is one."""
        self.reject(token)
        return await self.get()


async def _ask(source: TokenSource, *, force: bool) -> Token | None:
    try:
        return await source.token(force)
    except IpyClaudeError:
        raise
    except Exception as error:  # noqa: BLE001 - of a helper that isn't ours; without its text (S6)
        _log.warning("A token could not be had: %s", type(error).__name__)
        raise CloudUnreachable(
            "Your token for Convex could not be had.",
            why=f"Its source failed ({type(error).__name__}).",
            fix="It is tried again; ipyclaude doctor says more.",
        ) from None


def renewal_delay(token: Token, *, now: float, leeway: float, least: float) -> float | None:
    """Return when to ask for a newer token, in seconds after `now`; None if it has no end.

    `least` keeps a clock that is wrong from asking all the time.
    """
    if token.expires_at is None:
        return None
    remaining = token.expires_at / 1000 - now
    return max(remaining - min(leeway, remaining / 5), least)
