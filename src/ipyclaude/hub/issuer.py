"""What the issuer says of a hub's user: the claims of a token, signed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt

from . import ALGORITHM, AUDIENCE
from .keys import LEEWAY, Keys, SigningKey, published, signer

#: The longest that a token is valid from now on, in seconds. `exp` is at most 600 s from `iat`,
#: which is set back so that it isn't in the future for a clock that is late.
MOST_LIFETIME = 600 - LEEWAY
_SERVER_SCOPE = "access:servers!server="


@dataclass(frozen=True)
class Minted:
    """A token and what the audit log keeps of it."""

    token: str
    jti: str
    kid: str

    def __repr__(self) -> str:
        return f"Minted({self.jti})"


class Issuer:
    """Mints tokens for the users of one hub.

    Parameters
    ----------
    url
        The hub's public URL: the `iss` of every token. Never change it: Convex knows a person by
        `iss` and `sub`.
    lifetime
        Seconds for which a token is valid, at most 480.
    now
        The clock, in epoch seconds.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        *,
        audience: str = AUDIENCE,
        lifetime: int = MOST_LIFETIME,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.url = url.rstrip("/")
        self.audience = audience
        self.lifetime = min(lifetime, MOST_LIFETIME)
        self._keys = keys
        self._now = now

    def mint(self, user: Mapping[str, Any]) -> Minted:
        """Sign a token for the hub's `user`; everything in it is the hub's word.

        The claims but `iat`, `exp` and `jti` stay the same from one token to the next, since
        Convex runs a query again whose claims have changed.
        """
        self._keys.turn(self.lifetime)
        now = int(self._now())
        key = signer(self._keys.load(), self._now())
        jti = secrets.token_urlsafe(16)
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": user["name"],
            "aud": self.audience,
            "iat": now - LEEWAY,
            "exp": now + self.lifetime,
            "jti": jti,
            "name": user["name"],
        }
        return Minted(_sign(claims, key), jti, key.kid)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys: those that sign, have signed, and will."""
        self._keys.turn(self.lifetime)
        shown = published(self._keys.load(), self._now(), self.lifetime)
        return {"keys": [key.public() for key in shown]}


def _sign(claims: dict[str, Any], key: SigningKey) -> str:
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key.key)


def server_of(user: Mapping[str, Any]) -> str:
    """Return which of the user's servers a hub token belongs to, as far as its scopes say it."""
    scopes = user.get("scopes") or ()
    found = (s.removeprefix(_SERVER_SCOPE) for s in scopes if s.startswith(_SERVER_SCOPE))
    return next(found, "")
