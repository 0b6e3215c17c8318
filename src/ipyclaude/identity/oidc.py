"""Signing in with an OpenID provider: device flow, else a code with PKCE; and staying so.

The grants are Authlib's, the check of the ID token joserfc's. The token for Convex is the ID
token, which is why `openid` must be among the scopes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from ..exceptions import TokenUnavailable
from ..messages import now_ms
from .provider import TIMEOUT, Endpoints, Provider, get_json, refused, unavailable
from .vault import Kept

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
#: https://www.rfc-editor.org/rfc/rfc8628#section-3.5: how much slower to ask after `slow_down`.
_SLOWER = 5.0
_LEEWAY = 120
_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class DevicePrompt:
    """What a person is shown: open `url` on any machine and type `code`; seconds it is good for."""

    url: str
    #: The same with the code in it, where the provider offers that.
    whole_url: str
    code: str
    lasts: float
    interval: float
    device_code: str = field(repr=False)


@dataclass(frozen=True)
class CodePrompt:
    """A page to open; afterwards the browser is sent to `redirect` with a code."""

    url: str
    redirect: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)


class OidcClient:
    """Talks to one provider.

    Parameters
    ----------
    sleep
        Waits between two questions to the provider.
    """

    def __init__(
        self, provider: Provider, endpoints: Endpoints, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.provider = provider
        self.endpoints = endpoints
        self._sleep = sleep

    # -- device flow ------------------------------------------------------------------------

    async def begin_device(self) -> DevicePrompt:
        """Ask for a code that a person types on any machine.

        Raises
        ------
        TokenUnavailable
            The provider can't be reached, or refuses this client.
        """
        form = {"client_id": self.provider.client_id, "scope": self.provider.scope}
        async with self._open() as client:
            reply = await client.request(
                "POST", self.endpoints.device, data=form, withhold_token=True
            )
        said = _body(reply)
        if "device_code" not in said:
            why = said.get("error_description") or said.get("error") or reply.status_code
            raise unavailable(self.endpoints.device, str(why))
        for name in ("verification_uri", "verification_uri_complete"):
            # It becomes a link (S11).
            if urlsplit(said.get(name) or "https:").scheme not in {"http", "https"}:
                raise unavailable(self.endpoints.device, f"its {name} is not a web page")
        return DevicePrompt(
            url=said["verification_uri"],
            whole_url=said.get("verification_uri_complete") or said["verification_uri"],
            code=said["user_code"],
            lasts=float(said.get("expires_in", 600)),
            interval=float(said.get("interval", 5)),
            device_code=said["device_code"],
        )

    async def finish_device(self, prompt: DevicePrompt) -> Kept:
        """Wait until the person has agreed.

        Raises
        ------
        SignedOut
            They said no, or the code ran out.
        """
        interval, end = prompt.interval, time.monotonic() + prompt.lasts
        while time.monotonic() < end:
            await self._sleep(interval)
            try:
                said = await self._fetch(_DEVICE_GRANT, device_code=prompt.device_code)
            except _Refusal as refusal:
                if refusal.error == "slow_down":
                    interval += _SLOWER
                elif refusal.error != "authorization_pending":
                    raise refused(_DEVICE_WORDS.get(refusal.error, str(refusal))) from None
            except TokenUnavailable:
                # https://www.rfc-editor.org/rfc/rfc8628#section-3.5: ask more slowly.
                interval *= 2
            else:
                return await self._kept(said)
        raise refused(_DEVICE_WORDS["expired_token"])

    # -- authorization code with PKCE -------------------------------------------------------

    def begin_code(self, redirect: str) -> CodePrompt:
        """Make the address of the provider's page."""
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        client = self._client(redirect_uri=redirect)
        more = {"nonce": nonce}
        if "offline_access" in self.provider.scope:
            # https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess
            more["prompt"] = "consent"
        url, state = client.create_authorization_url(
            self.endpoints.authorization, code_verifier=verifier, **more
        )
        return CodePrompt(url, redirect, state, verifier, nonce)

    async def finish_code(self, prompt: CodePrompt, answered: str) -> Kept:
        """Trade the code in the address that the browser was sent to.

        Raises
        ------
        SignedOut
            The person said no, or the address belongs to another sign-in.
        """
        query = parse_qs(urlsplit(answered).query)
        if "error" in query:
            words = query.get("error_description") or query["error"]
            raise refused(f"The provider said: {words[0]}.")
        state = query.get("state", [""])[0]
        if not secrets.compare_digest(state, prompt.state) or "code" not in query:
            raise refused("The address is not the one that this sign-in was sent to.")
        try:
            said = await self._fetch(
                "authorization_code",
                code=query["code"][0],
                code_verifier=prompt.verifier,
                redirect_uri=prompt.redirect,
            )
        except _Refusal as refusal:
            raise refused(f"The provider said: {refusal}.") from None
        return await self._kept(said, nonce=prompt.nonce)

    # -- afterwards -------------------------------------------------------------------------

    async def refresh(self, kept: Kept) -> Kept:
        """Get a newer ID token, and the next refresh token if it rotates.

        Raises
        ------
        SignedOut
            The provider ended the sign-in.
        """
        if not kept.refresh_token:
            raise refused("The provider gave no refresh token; it may want another scope.")
        try:
            said = await self._fetch("refresh_token", refresh_token=kept.refresh_token)
        except _Refusal as refusal:
            raise refused(f"The provider ended your sign-in: {refusal}.") from None
        return await self._kept({"refresh_token": kept.refresh_token, **said})

    async def revoke(self, kept: Kept) -> bool:
        """End the sign-in at the provider; False where it doesn't offer that."""
        if not self.endpoints.revocation or not kept.refresh_token:
            return False
        form = {
            "token": kept.refresh_token,
            "token_type_hint": "refresh_token",
            "client_id": self.provider.client_id,
        }
        async with self._open() as client:
            reply = await client.request(
                "POST", self.endpoints.revocation, data=form, withhold_token=True
            )
        return bool(reply.is_success)

    # -- the wire ---------------------------------------------------------------------------

    def _client(self, **more: Any) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self.provider.client_id,
            token_endpoint_auth_method="none",  # noqa: S106 - a method's name
            scope=self.provider.scope,
            code_challenge_method="S256",
            timeout=TIMEOUT,
            **more,
        )

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Any]:
        import httpx

        try:
            async with self._client() as client:
                yield client
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise unavailable(self.endpoints.token, type(error).__name__) from None

    async def _fetch(self, grant: str, **fields: str) -> dict[str, Any]:
        from authlib.integrations.base_client import OAuthError

        async with self._open() as client:
            try:
                said = await client.fetch_token(
                    self.endpoints.token,
                    grant_type=grant,
                    **fields,
                )
            except OAuthError as error:
                raise _Refusal(str(error.error), str(error.description or "")) from None
        return dict(said)

    async def _kept(self, said: dict[str, Any], *, nonce: str = "") -> Kept:
        text = said.get("id_token")
        if not isinstance(text, str):
            raise refused("The provider gave no ID token; 'openid' must be among the scopes.")
        claims = await self._checked(text, nonce)
        return Kept(
            issuer=self.provider.issuer,
            client_id=self.provider.client_id,
            scope=self.provider.scope,
            name=str(claims.get("email") or claims.get("name") or claims["sub"]),
            subject=str(claims["sub"]),
            refresh_token=str(said.get("refresh_token") or ""),
            id_token=text,
            fetched_at=now_ms(),
            # Counted from now: our clock may be wrong.
            expires_at=now_ms() + (claims["exp"] - claims["iat"]) * 1000.0,
        )

    async def _checked(self, text: str, nonce: str) -> dict[str, Any]:
        """Verify an ID token (OpenID Connect Core, 3.1.3.7)."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        keys: Any = KeySet
        rules: dict[str, Any] = {
            "iss": {"essential": True, "value": self.endpoints.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
            **{name: {"essential": True} for name in ("sub", "exp", "iat")},
        }
        if nonce:
            rules["nonce"] = {"essential": True, "value": nonce}
        published = await get_json(self.endpoints.jwks)
        try:
            read = jwt.decode(text, keys.import_key_set(published), algorithms=_ALGORITHMS)
            jwt.JWTClaimsRegistry(leeway=_LEEWAY, **rules).validate(read.claims)
        except (JoseError, ValueError) as error:
            raise refused(
                f"The provider's ID token is not valid: {type(error).__name__}."
            ) from None
        return dict(read.claims)


_DEVICE_WORDS = {
    "access_denied": "The sign-in was refused on the provider's page.",
    "expired_token": "The code ran out before it was used.",
}


class _Refusal(Exception):
    """What the token endpoint answered instead of a token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description or error)
        self.error = error


def _body(reply: Any) -> dict[str, Any]:
    try:
        said: Any = reply.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}
