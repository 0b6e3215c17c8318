"""What a token says of its owner, for people to read; whoever is asked verifies it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, cast


def known_as(issuer: str, subject: str) -> str:
    """Return somebody as Convex knows them: by who vouches for them, and their name there."""
    return f"{issuer}|{subject}"


def person_of(text: str) -> str:
    """Return a JWT's owner as Convex knows them, unverified; empty where it names none."""
    claims = read_claims(text)
    return known_as(claims["iss"], claims["sub"]) if "iss" in claims and "sub" in claims else ""


def read_claims(text: str) -> dict[str, Any]:
    """Return a JWT's claims, unverified; none where it is no JWT."""
    try:
        middle = text.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return cast("dict[str, Any]", claims) if isinstance(claims, dict) else {}
