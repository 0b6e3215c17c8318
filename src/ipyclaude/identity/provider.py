"""An OpenID provider: where its parts are, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

from ..exceptions import SettingsError, SignedOut, TokenUnavailable, UsageMistake
from .hiding import brief, hide_tokens

#: `offline_access` asks for a refresh token.
SCOPE = "openid profile email offline_access"
TIMEOUT = 15.0
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Provider:
    """A provider as it is set up: a public client, which has no secret."""

    name: str
    issuer: str
    client_id: str
    scope: str = SCOPE
    #: The port that is registered for 127.0.0.1, where the provider doesn't allow any.
    port: int = 0


@dataclass(frozen=True)
class Endpoints:
    """What a provider's discovery says; an empty text for what it doesn't offer."""

    issuer: str
    token: str
    jwks: str
    device: str = ""
    authorization: str = ""
    revocation: str = ""


def find_provider(providers: Mapping[str, Any], name: str) -> Provider:
    """Return the provider of this name; an empty name is the only one.

    Raises
    ------
    UsageMistake
        There is none by this name, or several and no name was given.
    SettingsError
        Its setting lacks something.
    """
    known = ", ".join(sorted(providers))
    if not providers:
        raise UsageMistake(
            "There is no provider to sign in with.",
            fix="Set c.IPyClaude.providers = {'work': {'issuer': …, 'client_id': …}} "
            "(IPYCLAUDE_PROVIDERS).",
        )
    if not name and len(providers) > 1:
        raise UsageMistake("There is more than one provider.", fix=f"Name one: {known}.")
    chosen = name or next(iter(providers))
    if chosen not in providers:
        raise UsageMistake(f"There is no provider {chosen!r}.", fix=f"Name one: {known}.")
    said = providers[chosen]
    fields: dict[str, Any] = dict(cast("Any", said)) if isinstance(said, Mapping) else {}
    try:
        port = int(fields.pop("port", 0))
        found = Provider(chosen, port=port, **{k: str(v) for k, v in fields.items()})
    except (TypeError, ValueError):
        why = "It takes 'issuer', 'client_id' and, if need be, 'scope' and 'port'."
        raise _wrong(chosen, why) from None
    place = urlsplit(found.issuer)
    if place.scheme != "https" and place.hostname not in _LOCAL:
        raise _wrong(chosen, "Its issuer must be an https URL.")
    return found


def _wrong(name: str, why: str) -> SettingsError:
    return SettingsError(
        f"The provider {name!r} is not set up right.", why, "Correct c.IPyClaude.providers."
    )


async def discover(provider: Provider) -> Endpoints:
    """Ask a provider where its parts are.

    Raises
    ------
    TokenUnavailable
        It can't be reached.
    SettingsError
        What is there is another provider, or none.
    """
    said = await get_json(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    # https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation
    if str(said.get("issuer", "")).rstrip("/") != provider.issuer.rstrip("/"):
        raise _wrong(provider.name, "What answers there calls itself something else.")
    return Endpoints(
        issuer=said["issuer"],
        token=str(said.get("token_endpoint", "")),
        jwks=str(said.get("jwks_uri", "")),
        device=str(said.get("device_authorization_endpoint", "")),
        authorization=str(said.get("authorization_endpoint", "")),
        revocation=str(said.get("revocation_endpoint", "")),
    )


async def get_json(url: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    TokenUnavailable
        It can't be had now.
    """
    import httpx

    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as http:
            reply = await http.get(url)
        said: Any = reply.json() if reply.status_code == HTTPStatus.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise unavailable(url, type(error).__name__) from None
    if not isinstance(said, dict):
        raise unavailable(url, f"it answered {reply.status_code}")
    return cast("dict[str, Any]", said)


def unavailable(url: str, why: str) -> TokenUnavailable:
    """Return the error for a provider that doesn't answer as it should."""
    return TokenUnavailable(
        "The sign-in provider cannot be asked now.",
        why=f"{urlsplit(url).netloc or url}: {brief(hide_tokens(why))}.",
        fix="Try again later; what you do meanwhile is kept and sent later.",
    )


def refused(why: str) -> SignedOut:
    """Return the error for a sign-in that came to nothing."""
    return SignedOut(
        "You are not signed in.", brief(hide_tokens(why)), "Try again: %claude_session login."
    )
