"""The hub's own user, without a click: the kernel trades its hub token for a short-lived JWT.

The issuer is the hub's service (`ipyclaude.hub`), which the hub's configuration names to every
server by `IPYCLAUDE_HUB_TOKEN_URL`. Nothing has to be set up in the server.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, cast

from ..exceptions import SignedOut, TokenUnavailable
from ..messages import now_ms
from . import Token
from .hiding import brief, hide_tokens
from .renewing import Renewing

URL_VARIABLE = "IPYCLAUDE_HUB_TOKEN_URL"
HUB_TOKEN_VARIABLE = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - a variable's name
_TIMEOUT = 10.0
_TRIES = 3
_LONGEST_WAIT = 30.0
_NO_ACCESS_FIX = (
    "Ask the hub's administrator: `ipyclaude hub config` prints the roles that are needed."
)


def on_hub(env: Mapping[str, str]) -> bool:
    """Say whether this is a server of a hub that has the issuer."""
    return bool(env.get(HUB_TOKEN_VARIABLE) and env.get(URL_VARIABLE))


class JupyterHubToken:
    """A `TokenSource` on a JupyterHub.

    Parameters
    ----------
    url
        Where the issuer trades tokens.
    hub_token
        Returns the server's hub token, or an empty text; read again each time.
    now
        The clock, in epoch ms. It may be wrong: a token's end is counted from when it came.
    """

    def __init__(
        self, url: str, hub_token: Callable[[], str | None], *, now: Callable[[], float] = now_ms
    ) -> None:
        self._url = url
        self._hub_token = hub_token
        self._now = now
        self._kept = Renewing(self._trade, now=now)

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the kept token, or trade the hub token for a new one.

        While the hub is down, the last token is handed out until it ends.

        Raises
        ------
        SignedOut
            The hub accepts this server's token no longer, or does not allow the trade.
        TokenUnavailable
            The hub can't be reached.
        """
        return await self._kept.token(force_refresh)

    async def _trade(self) -> Token | None:
        hub_token = (self._hub_token() or "").strip()
        if not hub_token:
            return None
        import httpx

        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
                for _ in range(_TRIES - 1):
                    reply = await self._post(http, hub_token)
                    if reply.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                        break
                    await asyncio.sleep(_wait_seconds(reply.headers.get("Retry-After", "")))
                else:
                    reply = await self._post(http, hub_token)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Not `from error`: the request that it holds has the hub token in it (S6).
            why = f"{self._url} could not be reached: {type(error).__name__}."
            raise _unavailable(why) from None
        return self._read(reply.status_code, reply.text)

    async def _post(self, http: Any, hub_token: str) -> Any:
        return await http.post(self._url, headers={"Authorization": f"token {hub_token}"})

    def _read(self, status: int, text: str) -> Token:
        said = _json(text)
        if status == HTTPStatus.OK and isinstance(said.get("token"), str):
            life = said.get("expires_in")
            end = self._now() + life * 1000.0 if isinstance(life, (int, float)) else None
            return Token(said["token"], expires_at=end)
        words = brief(hide_tokens(str(said.get("message") or f"it answered {status}")))
        if status == HTTPStatus.UNAUTHORIZED:
            raise SignedOut(
                "The hub no longer accepts this server's token.",
                why=words,
                fix="Restart your server from the hub's control panel.",
            )
        if status == HTTPStatus.FORBIDDEN:
            raise SignedOut("The hub does not sign you in to Convex.", words, _NO_ACCESS_FIX)
        raise _unavailable(f"{self._url}: {words}.")


def _json(text: str) -> dict[str, Any]:
    try:
        said: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _wait_seconds(retry_after: str) -> float:
    seconds = float(retry_after) if retry_after.isdigit() else 1.0
    # Spread out: whoever was told to wait at the same time must not come back at the same time.
    return min(seconds, _LONGEST_WAIT) * random.uniform(1.0, 1.5)  # noqa: S311 - spreads tries


def _unavailable(why: str) -> TokenUnavailable:
    return TokenUnavailable(
        "The hub gives no token for Convex now.",
        why,
        "It is tried again by itself; what you do meanwhile is kept and sent later.",
    )
