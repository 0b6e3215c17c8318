"""A stored sign-in as a token source: refreshed before its end, once for all kernels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from filelock import AsyncFileLock, Timeout

from ..exceptions import SignedOut, TokenUnavailable
from ..messages import now_ms
from . import Token
from .renewing import RENEW_AFTER, Renewing
from .vault import Kept, Vault

_LOCK_SECONDS = 60.0

Refresh = Callable[[Kept], Awaitable[Kept]]


class StoredSignIn:
    """A `TokenSource` over what a vault keeps.

    A provider that rotates refresh tokens ends the whole sign-in when an old one is used again.
    So kernels refresh one after the other under a lock on a file, and whoever comes later takes
    what the first one got.

    Parameters
    ----------
    vault
        Where the sign-in is kept.
    refresh
        Gets a newer one from the provider.
    lock
        The file whose lock all kernels with this vault share.
    """

    def __init__(
        self,
        vault: Vault,
        refresh: Refresh,
        lock: Path,
        *,
        now: Callable[[], float] = now_ms,
    ) -> None:
        self._vault = vault
        self._refresh = refresh
        self._lock = lock
        self._now = now
        self._handed = ""
        self._who: tuple[str, str] | None = None
        self._kept = Renewing(self._fetch, now=now)

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the ID token, refreshed if it is time; None after signing out.

        Raises
        ------
        SignedOut
            The provider ended the sign-in, or somebody else signed in here.
        TokenUnavailable
            The provider can't be reached, and the last token has ended.
        """
        return await self._kept.token(force_refresh)

    async def _fetch(self) -> Token | None:
        kept = await self._read()
        if kept is not None and not self._is_new(kept):
            kept = await self._refreshed()
        if kept is None:
            return None
        self._check_same(kept)
        self._handed = kept.id_token
        return Token(kept.id_token, expires_at=kept.expires_at)

    def _check_same(self, kept: Kept) -> None:
        """Hand out one person's tokens only: what this kernel holds back for them is theirs."""
        who = (kept.issuer, kept.subject)
        if self._who not in (None, who):
            raise SignedOut(
                "You are signed out in this notebook.",
                why=f"{kept.name} signed in on this machine.",
                fix="To go on as them: %claude_session login, or %reload_ext ipyclaude.",
            )
        self._who = who

    def _is_new(self, kept: Kept) -> bool:
        due = kept.fetched_at + (kept.expires_at - kept.fetched_at) * RENEW_AFTER
        return kept.id_token != self._handed and self._now() < due

    async def _refreshed(self) -> Kept | None:
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            async with AsyncFileLock(self._lock, timeout=_LOCK_SECONDS, mode=0o600):
                # Another kernel may have done it while we waited.
                kept = await self._read()
                if kept is None or self._is_new(kept):
                    return kept
                return await self._renew(kept)
        except Timeout:
            raise TokenUnavailable(
                "Your sign-in could not be renewed.",
                why=f"Another kernel holds {self._lock} for too long.",
                fix="It is tried again; end that kernel if it hangs.",
            ) from None

    async def _renew(self, kept: Kept) -> Kept:
        try:
            newer = await self._refresh(kept)
        except SignedOut:
            # A refresh token that was refused is of no use to anybody.
            await asyncio.to_thread(self._vault.clear)
            raise
        newer = replace(newer, name=newer.name or kept.name)
        # Not to be cut short: the old refresh token is used up.
        await asyncio.shield(asyncio.to_thread(self._vault.write, newer))
        return newer

    async def _read(self) -> Kept | None:
        return await asyncio.to_thread(self._vault.read)
