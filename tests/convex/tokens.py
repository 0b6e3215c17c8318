"""Sign tokens as an identity provider does, with a key that only the tests have."""

from __future__ import annotations

import base64
import json
import time
from functools import cached_property
from typing import Any, Protocol, cast

from joserfc import jws
from joserfc.jwk import ECKey, KeyParameters, RSAKey

AUDIENCE = "ipyclaude"


class MakeToken(Protocol):
    """Signs a token for a subject; the other arguments are those of `Issuer.token`."""

    def __call__(self, sub: str | None, *, expires_in: float = 3600, **claims: Any) -> str: ...


class Issuer:
    """An identity provider: a key pair, the public half as a `data:` URL, and tokens.

    Parameters
    ----------
    url
        The issuer's name, the first half of a `tokenIdentifier`.
    kid
        The key's name, in the header of each token.
    algorithm
        "ES256" or "RS256".
    """

    def __init__(
        self,
        url: str = "https://issuer.test",
        kid: str = "test-key",
        *,
        algorithm: str = "ES256",
    ) -> None:
        self.url = url
        self.kid = kid
        self.algorithm = algorithm

    @cached_property
    def key(self) -> ECKey | RSAKey:
        """The private key; made when first needed."""
        words: KeyParameters = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        # Their return type is not stated.
        if self.algorithm == "RS256":
            return cast("RSAKey", RSAKey.generate_key(2048, words))  # pyright: ignore[reportUnknownMemberType]
        return cast("ECKey", ECKey.generate_key("P-256", words))  # pyright: ignore[reportUnknownMemberType]

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON web key set."""
        return {"keys": [self.key.as_dict(private=False)]}

    def provider(self) -> dict[str, str]:
        """Return the provider in the form of Convex's auth.config.ts."""
        packed = base64.b64encode(json.dumps(self.jwks()).encode()).decode()
        return {
            "type": "customJwt",
            "issuer": self.url,
            "jwks": f"data:text/plain;charset=utf-8;base64,{packed}",
            "algorithm": self.algorithm,
            "applicationID": AUDIENCE,
        }

    def token(
        self,
        sub: str | None,
        *,
        expires_in: float = 3600,
        algorithm: str = "",
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed token.

        Parameters
        ----------
        sub
            Who it is for; None leaves the claim out.
        expires_in
            Seconds from now; negative makes one that has run out.
        algorithm
            What it is signed by, if not by the issuer's; "none" signs nothing.
        headers, claims
            Further ones; one of None is left out.
        """
        now = time.time()
        stated = {
            "iss": self.url,
            "sub": sub,
            "aud": AUDIENCE,
            "iat": int(now),
            "exp": int(now + expires_in),
            "name": sub and sub.title(),
            "email": sub and f"{sub}@example.test",
            **claims,
        }
        used = algorithm or self.algorithm
        header = {"alg": used, "kid": self.kid, "typ": "JWT", **(headers or {})}
        payload = json.dumps(_without_none(stated)).encode()
        return jws.serialize_compact(_without_none(header), payload, self.key, algorithms=[used])


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
