"""The issuer's keys: published before they sign, and until the last token they signed has ended.

A key's part follows from when it and its successor were made, so that a restart changes nothing
and two readers of one file agree.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from filelock import FileLock
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ..exceptions import SettingsError
from ..identity.private import is_private, write_private
from . import ALGORITHM

_ec: Any = ECKey  # joserfc's methods are not typed

#: Seconds for which whoever verifies may keep the published keys.
JWKS_MAX_AGE = 300
#: Seconds for which clocks may differ.
LEEWAY = 120


@dataclass(frozen=True)
class SigningKey:
    """A private key; `created` in epoch seconds."""

    kid: str
    created: float
    key: ECKey

    @classmethod
    def generate(cls, now: float) -> SigningKey:
        """Make a new one."""
        key = _ec.generate_key("P-256")
        return cls(key.thumbprint()[:16], now, key)

    @classmethod
    def read(cls, said: Any) -> SigningKey:
        """Read a private JWK; one without `created` counts as old."""
        fields = cast("dict[str, Any]", dict(said))
        created = float(fields.pop("created", 0))
        key = _ec.import_key(fields)
        if not key.is_private or key.curve_name != "P-256":
            raise ValueError("it is no private P-256 key")
        return cls(str(fields.get("kid") or key.thumbprint()[:16]), created, key)

    def private(self) -> dict[str, Any]:
        """Return the JWK to be kept."""
        return {**self.key.as_dict(private=True), "kid": self.kid, "created": self.created}

    def public(self) -> dict[str, Any]:
        """Return the JWK to be published."""
        shown = self.key.as_dict(private=False)
        return {**shown, "kid": self.kid, "use": "sig", "alg": ALGORITHM}


def signer(keys: Sequence[SigningKey], now: float) -> SigningKey:
    """Return the newest key that everybody who verifies has seen, else the oldest."""
    seen = [key for key in keys if key.created + JWKS_MAX_AGE <= now]
    return seen[-1] if seen else keys[0]


def published(keys: Sequence[SigningKey], now: float, lifetime: float) -> list[SigningKey]:
    """Return the keys that may have signed a token that is still valid, and those to come."""
    kept = [
        key
        for key, successor in itertools.pairwise(keys)
        if now <= successor.created + JWKS_MAX_AGE + lifetime + LEEWAY
    ]
    return [*kept, keys[-1]]


class Keys(Protocol):
    """Where the keys are kept."""

    def load(self) -> list[SigningKey]:
        """Return all keys, oldest first; at least one."""
        ...

    def turn(self, lifetime: float) -> None:
        """Make a new key if it is time, and drop what is needed no longer."""
        ...


class KeyFile:
    """Keys in a 0600 file, made when it is first needed.

    Parameters
    ----------
    rotate_after
        Seconds after which a new key is made; 0 for never.
    """

    def __init__(
        self, path: Path, *, rotate_after: float = 0.0, now: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._rotate_after = rotate_after
        self._now = now
        self._read: tuple[int, list[SigningKey]] | None = None

    def load(self) -> list[SigningKey]:
        """Read the file if it has changed.

        Raises
        ------
        SettingsError
            It can't be read, or others may read it.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._change(lambda keys: keys or [SigningKey.generate(self._now())])
            status = self.path.stat()
        if self._read is not None and self._read[0] == status.st_mtime_ns:
            return self._read[1]
        if not is_private(self.path):
            raise SettingsError(
                f"The key file {self.path} can be read by others.",
                fix=f"Run: chmod 600 {self.path}; then make a new key: ipyclaude hub rotate.",
            )
        keys = self._keys()
        if not keys:
            raise _unreadable(str(self.path), "There is no key in it")
        self._read = (status.st_mtime_ns, keys)
        return keys

    def turn(self, lifetime: float) -> None:
        """Make a new key if it is time, and drop what is needed no longer."""
        keys, now = self.load(), self._now()
        due = self._rotate_after > 0 and keys[-1].created + self._rotate_after <= now
        if due or len(published(keys, now, lifetime)) < len(keys):
            self._change(lambda found: self._turned(found, lifetime))

    def _turned(self, keys: list[SigningKey], lifetime: float) -> list[SigningKey]:
        # Looked at again under the lock: another process may have been faster.
        now = self._now()
        if self._rotate_after > 0 and keys[-1].created + self._rotate_after <= now:
            keys = [*keys, SigningKey.generate(now)]
        return published(keys, now, lifetime)

    def rotate(self) -> SigningKey:
        """Add a key now; it signs once everybody can have seen it."""
        self._change(lambda keys: [*keys, SigningKey.generate(self._now())])
        return self.load()[-1]

    def _keys(self) -> list[SigningKey]:
        if not self.path.exists():
            return []
        found = read_keys(self.path.read_text(), str(self.path))
        return sorted(found, key=lambda key: key.created)

    def _change(self, change: Callable[[list[SigningKey]], list[SigningKey]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{self.path}.lock", timeout=10, mode=0o600):
            keys = change(self._keys())
            text = json.dumps({"keys": [key.private() for key in keys]}, indent=1)
            write_private(self.path, text)


class GivenKeys:
    """Keys from the environment: the first one signs, all are published.

    To rotate: append a new key, restart; ten minutes later move it to the front, restart; ten
    minutes later leave the old one out.
    """

    def __init__(self, text: str, name: str) -> None:
        found = read_keys(text, name)
        if not found:
            raise _unreadable(name, "There is no key in it")
        # The first is old, so that it signs; the others are always still to come.
        self._keys = [
            SigningKey(key.kid, math.inf if number else 0.0, key.key)
            for number, key in enumerate(found)
        ]

    def load(self) -> list[SigningKey]:
        """Return all keys."""
        return self._keys

    def turn(self, lifetime: float) -> None:
        """Change nothing: who gave the keys rotates them."""


def read_keys(text: str, name: str) -> list[SigningKey]:
    """Read a JWK set, or one JWK.

    Raises
    ------
    SettingsError
        It can't be read. What it says is not shown (S6).
    """
    try:
        said: Any = json.loads(text)
        found = said.get("keys", [said])
        return [SigningKey.read(jwk) for jwk in found]
    except (ValueError, TypeError, AttributeError, KeyError, JoseError) as error:
        raise _unreadable(name, type(error).__name__) from None


def _unreadable(name: str, why: str) -> SettingsError:
    return SettingsError(
        f"The keys in {name} cannot be read.",
        why=f"{why}.",
        fix="It must be a JSON Web Key Set of private P-256 keys: see `ipyclaude hub rotate`.",
    )
