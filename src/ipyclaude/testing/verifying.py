"""`verify`: looks at a JWT as Convex's `customJwt` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

#: Seconds by which Convex's clock may differ (measured in its source).
LEEWAY = 5
_keys: Any = KeySet  # joserfc's methods are not typed


def verify(
    token: str,
    jwks: Mapping[str, Any],
    *,
    issuer: str,
    audience: str,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Return the claims of a token that is valid now.

    Raises
    ------
    joserfc.errors.JoseError
        Another key, algorithm, issuer or audience, or it has ended.
    """
    read = jwt.decode(token, _keys.import_key_set(dict(jwks)), algorithms=["ES256", "RS256"])
    missing = {"kid", "alg", "typ"} - set(read.header)
    if missing:
        raise AssertionError(f"Convex wants {missing} in a token's header")
    rules = jwt.JWTClaimsRegistry(
        now=lambda: int(now()),
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    rules.validate(read.claims)
    return dict(read.claims)
