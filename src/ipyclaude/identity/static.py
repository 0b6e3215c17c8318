"""A token that was given: `CONVEX_AUTH_TOKEN`."""

from __future__ import annotations

from collections.abc import Callable

from . import Token


class StaticToken:
    """A `TokenSource` that reads one text again whenever it is asked.

    Parameters
    ----------
    read
        Returns the JWT, or an empty text or None where there is none: so that a token that
        was changed in the environment is taken up without a restart.
    """

    def __init__(self, read: Callable[[], str | None]) -> None:
        self._read = read

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the token that is set now; nothing newer can be had by force."""
        del force_refresh
        text = (self._read() or "").strip()
        return Token.of_jwt(text) if text else None
