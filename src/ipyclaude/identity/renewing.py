"""One token, kept in memory and renewed in time, once for everybody who asks at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..exceptions import TokenUnavailable
from ..messages import now_ms
from . import Token

#: The part of a token's life after which a new one is fetched; the rest is there for retries,
#: and for a clock that is wrong by minutes.
RENEW_AFTER = 0.6


class Renewing:
    """Keeps the last token of a source.

    Parameters
    ----------
    fetch
        Gets a new token, None if nobody is signed in. `TokenUnavailable` says that the next
        try may work: the last token goes on being handed out as long as it is valid.
    now
        The clock, in epoch ms.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Token | None]], *, now: Callable[[], float] = now_ms
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._lock = asyncio.Lock()
        self._last: Token | None = None
        self._fetched_at = 0.0
        self._fetches = 0

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the kept token, or a new one if it is forced or time.

        Raises
        ------
        IpyClaudeError
            There is no valid token, and none can be had now.
        """
        fetches = self._fetches
        async with self._lock:
            # Whoever waited here takes what was fetched meanwhile.
            wanted = force_refresh and fetches == self._fetches
            if not wanted and self._last is not None and not self._due(self._last):
                return self._last
            try:
                self._last = await self._fetch()
            except TokenUnavailable:
                if self._last is None or self._ended(self._last):
                    raise
                return self._last
            self._fetched_at = self._now()
            self._fetches += 1
            return self._last

    def _due(self, token: Token) -> bool:
        if token.expires_at is None:
            return False
        life = token.expires_at - self._fetched_at
        return self._now() >= self._fetched_at + life * RENEW_AFTER

    def _ended(self, token: Token) -> bool:
        return token.expires_at is not None and self._now() >= token.expires_at
