"""Signing in by an account of the deployment itself: e-mail and password, no third party.

The functions are js/convex/accounts.ts. A refresh token is good once; its next one comes with
each renewal, so `StoredSignIn` renews under its lock, as with any provider that rotates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from ..api_version import API_VERSION, mismatch
from ..codes import plain
from ..exceptions import IpyClaudeError, SettingsError, SignedOut, TokenUnavailable
from ..messages import now_ms
from ..times import clock
from .claims import read_claims
from .provider import TIMEOUT, unavailable
from .vault import Kept

#: What `%claude_session login` calls this deployment's accounts.
NAME = "convex"


@dataclass(frozen=True)
class Offers:
    """What a deployment has for signing in: accounts of its own, and mails with codes."""

    accounts: bool = True
    mail: bool = False


class AccountsClient:
    """Talks to the accounts of one deployment, by its `CONVEX_URL`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def offers(self) -> Offers:
        """Ask what there is to sign in with; an older deployment can't say, as one that is away."""
        said = await self._call("offers")
        return Offers(accounts=bool(said["accounts"]), mail=bool(said["mail"]))

    async def sign_in(self, email: str, password: str) -> Kept:
        """Sign in.

        Raises
        ------
        SignedOut
            There is no such account, or it has another password; it is not said which.
        """
        return self._kept(await self._call("signIn", email=email, password=password))

    async def mail_code(self, email: str) -> None:
        """Have a code mailed to an address, if it has an account; it is not said whether."""
        await self._call("mailCode", email=email)

    async def redeem(self, email: str, code: str, password: str | None) -> Kept:
        """Sign in by a code from the administrator or a mail; set the password, if there is one.

        Raises
        ------
        SignedOut
            The code is not this address's, or it ran out or was used.
        """
        new = {} if password is None else {"password": password}
        return self._kept(await self._call("redeem", email=email, code=plain(code), **new))

    async def refresh(self, kept: Kept) -> Kept:
        """Get a newer token, and the next refresh token.

        Raises
        ------
        SignedOut
            The sign-in was ended.
        """
        return self._kept(await self._call("refresh", refreshToken=kept.refresh_token))

    async def end(self, kept: Kept, *, everywhere: bool = False) -> None:
        """End a sign-in, or all of its account."""
        await self._call("signOut", refreshToken=kept.refresh_token, everywhere=everywhere)

    async def _call(self, name: str, **args: Any) -> dict[str, Any]:
        import httpx

        body = {"path": f"accounts:{name}", "format": "json", "args": {**args, "api": API_VERSION}}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as http:
                reply = await http.post(f"{self._url}/api/action", json=body)
            said: Any = reply.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise unavailable(self._url, type(error).__name__) from None
        if reply.status_code != HTTPStatus.OK or not isinstance(said, dict):
            raise unavailable(self._url, f"it answered {reply.status_code}")
        found = cast("dict[str, Any]", said)
        if found.get("status") != "success":
            raise _refusal(self._url, found.get("errorData"))
        return cast("dict[str, Any]", found.get("value") or {})

    def _kept(self, said: dict[str, Any]) -> Kept:
        token = str(said["token"])
        claims = read_claims(token)
        return Kept(
            issuer=str(claims["iss"]),
            client_id=str(claims["aud"]),
            scope="",
            name=str(claims["email"]),
            subject=str(claims["sub"]),
            refresh_token=str(said["refreshToken"]),
            id_token=token,
            fetched_at=now_ms(),
            # Counted from now: our clock may be wrong.
            expires_at=now_ms() + (claims["exp"] - claims["iat"]) * 1000.0,
            deployment=self._url,
        )


def _refusal(url: str, data: Any) -> IpyClaudeError:
    said = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    code, message = said.get("code"), str(said.get("message", ""))
    if code == "BadSignIn":
        return SignedOut("You are not signed in.", message, "Try again: %claude_session login.")
    if code == "Invalid":
        return SignedOut("You are not signed in.", message, "Choose another one.")
    if code == "RateLimited":
        when = clock(said["retryAt"])
        return TokenUnavailable("You are not signed in.", message, f"Try again after {when}.")
    if code == "NoMail":
        return SettingsError(
            f"{url} has no code to send you by mail.",
            message,
            "Ask whoever runs it for one (ipyclaude accounts add EMAIL), and use it by "
            "%claude_session login --code.",
        )
    if code == "VersionMismatch":
        return mismatch(int(said.get("api") or 0))
    if code == "NoAccounts":
        return SettingsError(
            f"{url} has no accounts to sign in with.",
            message,
            "Set c.IPyClaude.providers, or deploy with: ipyclaude deploy --accounts",
        )
    return unavailable(url, "its function failed")
