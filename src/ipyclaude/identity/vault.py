"""Where a sign-in is kept: the system's keyring, a 0600 file, or this kernel's memory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..exceptions import SignedOut
from .claims import known_as
from .private import is_private, write_private

Where = Literal["keyring", "file", "memory"]

_SERVICE = "ipyclaude"


@dataclass(frozen=True)
class Kept:
    """What is kept of a sign-in; times in epoch ms. Its `repr` shows no secret (S6)."""

    issuer: str
    client_id: str
    scope: str
    name: str = ""
    subject: str = ""
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    fetched_at: float = 0.0
    expires_at: float = 0.0
    #: The Convex deployment whose account it is; empty for one with a provider.
    deployment: str = ""

    @property
    def person(self) -> str:
        """Who it is, as Convex knows them."""
        return known_as(self.issuer, self.subject)

    def to_text(self) -> str:
        """Return it as JSON, secrets included."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Kept | None:
        """Read it back; None where it is not one."""
        try:
            said: Any = json.loads(text)
            return cls(**said)
        except (ValueError, TypeError):
            return None


class Vault(Protocol):
    """Keeps one sign-in."""

    where: Where

    def read(self) -> Kept | None:
        """Return what is kept, None if nothing is."""
        ...

    def write(self, kept: Kept) -> None:
        """Keep this instead."""
        ...

    def clear(self) -> None:
        """Keep nothing."""
        ...


class MemoryVault:
    """Keeps it as long as this kernel lives."""

    where: Where = "memory"

    def __init__(self) -> None:
        self._kept: Kept | None = None

    def read(self) -> Kept | None:
        """Return what is kept."""
        return self._kept

    def write(self, kept: Kept) -> None:
        """Keep this."""
        self._kept = kept

    def clear(self) -> None:
        """Keep nothing."""
        self._kept = None


class FileVault:
    """Keeps it in a 0600 file: for all kernels of this user, and only if they agreed."""

    where: Where = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Kept | None:
        """Return what is kept.

        Raises
        ------
        SignedOut
            Others may read the file: it counts as lost.
        """
        try:
            private = is_private(self._path)
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        if not private:
            raise SignedOut(
                "Your stored sign-in is not used.",
                why=f"Others may read {self._path}.",
                fix="Sign in again: %claude_session login; and end the old one at the provider.",
            )
        return Kept.from_text(text)

    def write(self, kept: Kept) -> None:
        """Keep this."""
        write_private(self._path, kept.to_text())

    def clear(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class KeyringVault:
    """Keeps it in the system's keyring, for all kernels of this user."""

    where: Where = "keyring"

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self) -> Kept | None:
        """Return what is kept; None also where the keyring is locked."""
        import keyring
        from keyring.errors import KeyringError

        try:
            text = keyring.get_password(_SERVICE, self._name)
        except KeyringError:
            return None
        return Kept.from_text(text) if text else None

    def write(self, kept: Kept) -> None:
        """Keep this.

        Raises
        ------
        keyring.errors.KeyringError
            The keyring doesn't take it.
        """
        import keyring

        keyring.set_password(_SERVICE, self._name, kept.to_text())

    def clear(self) -> None:
        """Remove it."""
        import keyring
        from keyring.errors import KeyringError, PasswordDeleteError

        try:
            keyring.delete_password(_SERVICE, self._name)
        except PasswordDeleteError:
            return  # there was none
        except KeyringError as error:
            raise SignedOut(
                "Your sign-in could not be removed from the keyring.",
                why=type(error).__name__,
                fix=f"Remove the entry {_SERVICE!r} in the keyring's own program.",
            ) from None


def has_keyring() -> bool:
    """Say whether there is a keyring that would keep something (a bare server has none)."""
    import keyring
    from keyring.backends import fail, null

    return not isinstance(keyring.get_keyring(), fail.Keyring | null.Keyring)
