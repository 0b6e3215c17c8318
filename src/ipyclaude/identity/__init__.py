"""Who we are to Convex: a `TokenSource` hands out tokens.

A `Token` is no text on purpose: printing it, logging it or showing a traceback with it
reveals nothing (S6).
"""

from __future__ import annotations

import hmac
from typing import NoReturn, Protocol

from .claims import read_claims

#: Variables that hold a token or a key of ours: Claude's tools don't get them (S6).
SECRET_VARIABLES = (
    "CONVEX_AUTH_TOKEN",
    "JUPYTERHUB_API_TOKEN",
    "JPY_API_TOKEN",
    "IPYCLAUDE_HUB_KEYS",
)


class Token:
    """A token; `expires_at` in epoch ms, None where unknown."""

    __slots__ = ("_text", "expires_at")

    def __init__(self, text: str, *, expires_at: float | None = None) -> None:
        self._text = text
        self.expires_at = expires_at

    @classmethod
    def of_jwt(cls, text: str) -> Token:
        """Wrap a JWT; its end is read from it, unverified (whoever is asked verifies it)."""
        return cls(text, expires_at=_expiry(text))

    def reveal(self) -> str:
        """Return the text, to be sent to the one who asks for it and nowhere else."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Token):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return "Token(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not written anywhere")


class TokenSource(Protocol):
    """Where tokens come from."""

    async def token(self, force_refresh: bool) -> Token | None:
        """Return a token, or None if nobody is signed in.

        `force_refresh` says that the last one was refused or is about to end: return a newer
        one if there can be one.

        Raises
        ------
        IpyClaudeError
            It can't be had now, e.g. without network; the next try may work.
        """
        ...


def _expiry(text: str) -> float | None:
    # https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4: `exp` is in epoch seconds.
    end = read_claims(text).get("exp")
    return end * 1000.0 if isinstance(end, (int, float)) else None
