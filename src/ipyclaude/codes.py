"""One-time codes that people read to one another: 128 bits in letters that can't be mistaken."""

from __future__ import annotations

import hashlib
import secrets

# https://www.crockford.com/base32.html: no I, L, O and U.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_BITS = 128
_GROUP = 5


def make_code() -> str:
    """Make a code of 26 letters, in groups with hyphens."""
    number = secrets.randbits(_BITS)
    letters = "".join(_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def plain(code: str) -> str:
    """Return a code as it is sent and hashed, however a person typed it."""
    return "".join(code.upper().translate(_ALIKE).replace("-", " ").split())


def hash_of(code: str) -> str:
    """Return what is stored in the place of a code: the SHA-256 of its plain form, in hex."""
    return hashlib.sha256(plain(code).encode()).hexdigest()
