"""Signing in and out of a kernel, and the sign-in that is stored for the next one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..exceptions import IpyClaudeError, SettingsError, SignedOut
from .accounts import NAME, AccountsClient, Offers
from .choose import Choice
from .loopback import PASTED_REDIRECT, Loopback
from .oidc import CodePrompt, DevicePrompt, OidcClient, Sleep
from .provider import Provider, discover, find_provider
from .stored import StoredSignIn
from .vault import FileVault, Kept, KeyringVault, MemoryVault, Vault, Where, has_keyring


class Asking(Protocol):
    """How a person is asked; called from the loop."""

    async def show_device(self, prompt: DevicePrompt) -> None:
        """Show a code and where to type it; returns at once."""
        ...

    async def show_page(self, prompt: CodePrompt) -> None:
        """Show a page to open in a browser on this machine; returns at once."""
        ...

    async def pasted(self, prompt: CodePrompt) -> str:
        """Show a page to open; return the address that the browser ended at."""
        ...

    async def account(self, *, code: bool) -> Account:
        """Ask for an account's e-mail and password, with `code` for a code and a new password."""
        ...

    async def by_mail(self, send: Callable[[str], Awaitable[None]]) -> Account:
        """Ask for an e-mail, have `send` mail a code there, ask for that and a new password."""
        ...

    async def may_keep(self, file: Path | None) -> bool:
        """Ask whether the sign-in may be kept in this file; None stands for the keyring."""
        ...


@dataclass(frozen=True)
class Account:
    """What a person types to sign in by an account; its `repr` shows no secret (S6)."""

    email: str
    password: str = field(repr=False)
    code: str = field(default="", repr=False)


class SignIns:
    """The sign-in of one user on one machine.

    Parameters
    ----------
    folder
        Where the store is: a sign-in belongs to it.
    deployment
        The Convex deployment, for which alone the tokens of its accounts are.
    """

    def __init__(
        self,
        folder: Path,
        deployment: str = "",
        *,
        keyring: Callable[[], bool] = has_keyring,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._deployment = deployment.rstrip("/")
        self._sleep = sleep
        self._has_keyring = keyring
        self._memory = MemoryVault()

    @property
    def file(self) -> Path:
        """Where a sign-in is kept if there is no keyring."""
        return self._folder / "sign-in.json"

    def _vaults(self) -> list[Vault]:
        vaults: list[Vault] = [self._memory, FileVault(self.file)]
        if self._has_keyring():
            name = hashlib.sha256(str(self._folder.absolute()).encode()).hexdigest()[:16]
            vaults.append(KeyringVault(name))
        return vaults

    def find(self) -> tuple[Vault, Kept] | None:
        """Return the stored sign-in and where it is, if there is one."""
        for vault in self._vaults():
            kept = vault.read()
            if kept is not None and kept.deployment in ("", self._deployment):
                return vault, kept
        return None

    def choice(self) -> Choice | None:
        """Return the stored sign-in as a token source."""
        found = self.find()
        if found is None:
            return None
        vault, kept = found
        source = StoredSignIn(vault, self._refresh, self._folder / "sign-in.lock")
        if kept.deployment:
            words = f"{kept.name}, an account of {kept.deployment}."
            return Choice("convex_auth", words, source, lambda: kept.person)
        words = f"{kept.name}, signed in at {kept.issuer}."
        return Choice("oidc", words, source, lambda: kept.person)

    async def _refresh(self, kept: Kept) -> Kept:
        if kept.deployment:
            return await AccountsClient(kept.deployment).refresh(kept)
        client = await self._client(_provider_of(kept))
        return await client.refresh(kept)

    async def _client(self, provider: Provider) -> OidcClient:
        return OidcClient(provider, await discover(provider), sleep=self._sleep)

    async def login(
        self,
        providers: dict[str, Any],
        name: str,
        asking: Asking,
        *,
        paste: bool = False,
        code: bool = False,
        mail: bool = False,
    ) -> tuple[Kept, Where]:
        """Sign in; return who it is and where that is kept.

        By an account of the deployment where `name` or the lack of providers says so. Else the
        device flow where the provider has it, since the browser may be on another machine;
        else a browser on this machine; with `paste`, one anywhere whose last address is pasted.
        An account's code is one that was given, with `code`, or comes by mail, with `mail`.

        Raises
        ------
        IpyClaudeError
            It came to nothing; whoever was signed in still is.
        """
        ours = name == NAME or (not name and not providers and self._deployment)
        if ours or code or mail:
            kept = await self._by_account(asking, code=code, mail=mail)
            return kept, await self._keep(kept, asking)
        provider = find_provider(providers, name)
        client = await self._client(provider)
        if client.endpoints.device and not paste:
            prompt = await client.begin_device()
            await asking.show_device(prompt)
            kept = await client.finish_device(prompt)
        elif client.endpoints.authorization:
            kept = await _by_code(client, asking, paste=paste)
        else:
            raise SignedOut(
                f"{provider.issuer} offers no way to sign in from here.",
                fix="Ask for a client with the device flow or an authorization code.",
            )
        return kept, await self._keep(kept, asking)

    async def offers(self) -> Offers:
        """Ask what the deployment has to sign in with.

        Raises
        ------
        IpyClaudeError
            It can't be asked, or is too old to say.
        """
        return await AccountsClient(self._deployment).offers()

    async def mail_code(self, email: str) -> None:
        """Have the deployment mail a code to an address, if it has an account."""
        await AccountsClient(self._deployment).mail_code(email)

    async def _by_account(self, asking: Asking, *, code: bool, mail: bool) -> Kept:
        if not self._deployment:
            raise SettingsError(
                "There is no deployment to sign in to.", fix="Set CONVEX_URL and load again."
            )
        client = AccountsClient(self._deployment)
        if mail:
            given = await asking.by_mail(client.mail_code)
            return await client.redeem(given.email, given.code, given.password or None)
        given = await asking.account(code=code)
        if code:
            return await client.redeem(given.email, given.code, given.password or None)
        return await client.sign_in(given.email, given.password)

    async def _keep(self, kept: Kept, asking: Asking) -> Where:
        from keyring.errors import KeyringError

        ring = self._has_keyring()
        vault: Vault = self._memory
        if await asking.may_keep(None if ring else self.file):
            vault = self._vaults()[-1] if ring else FileVault(self.file)
        self._forget()
        try:
            await asyncio.to_thread(vault.write, kept)
        except (OSError, KeyringError):
            vault = self._memory
            vault.write(kept)
        return vault.where

    async def logout(self, *, everywhere: bool = False) -> tuple[Kept | None, bool]:
        """Forget the sign-in here; `everywhere` ends it at the provider too.

        Returns who was signed in, and whether the provider ended it. A sign-in by an account is
        ended there in either case, `everywhere` ends the account's others too.
        """
        found = self.find()
        ended = False
        if found is not None and found[1].deployment:
            ended = await _end(found[1], everywhere=everywhere)
        elif found is not None and everywhere:
            client = await self._client(_provider_of(found[1]))
            ended = await client.revoke(found[1])
        self._forget()
        return (found[1] if found else None), ended

    def _forget(self) -> None:
        for vault in self._vaults():
            vault.clear()


async def _by_code(client: OidcClient, asking: Asking, *, paste: bool) -> Kept:
    if paste:
        page = client.begin_code(PASTED_REDIRECT)
        return await client.finish_code(page, await asking.pasted(page))
    async with Loopback(client.provider.port) as loopback:
        page = client.begin_code(loopback.redirect)
        await asking.show_page(page)
        return await client.finish_code(page, await loopback.arrived())


async def _end(kept: Kept, *, everywhere: bool) -> bool:
    try:
        await AccountsClient(kept.deployment).end(kept, everywhere=everywhere)
    except IpyClaudeError:
        if everywhere:
            raise
        return False  # without a network one is signed out here at least
    return True


def _provider_of(kept: Kept) -> Provider:
    return Provider("", kept.issuer, kept.client_id, kept.scope)
