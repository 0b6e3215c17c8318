"""Sign tokens as an identity provider does, with a key that only the tests have."""

from __future__ import annotations

import base64
import json
import time
from functools import cached_property
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

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
    """

    def __init__(self, url: str = "https://issuer.test", kid: str = "test-key") -> None:
        self.url = url
        self.kid = kid

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The private key; made when first needed."""
        return ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON web key set."""
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def provider(self) -> dict[str, str]:
        """Return the provider in the form of Convex's auth.config.ts."""
        packed = base64.b64encode(json.dumps(self.jwks()).encode()).decode()
        return {
            "type": "customJwt",
            "issuer": self.url,
            "jwks": f"data:text/plain;charset=utf-8;base64,{packed}",
            "algorithm": "ES256",
            "applicationID": AUDIENCE,
        }

    def token(
        self,
        sub: str | None,
        *,
        expires_in: float = 3600,
        algorithm: str = "ES256",
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
        claims
            Further claims; one of None is left out.
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
        payload = {name: value for name, value in stated.items() if value is not None}
        return jwt.encode(
            payload,
            "" if algorithm == "none" else self.key,
            algorithm=algorithm,
            headers={"kid": self.kid, "typ": "JWT", **(headers or {})},
        )
