"""The issuer on the network: trade, keys, health; everything else is refused.

    POST token        Authorization: token <hub token>  →  {"token", "expires_in"}
    GET  jwks.json    the public keys
    GET  health       {"ok": true}

A hub token is taken from the header alone, never from the URL or a cookie, so that no page and
no log can carry one; and the hub is asked each time, so that a revoked one ends at once.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from jupyterhub.services import auth
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from tornado.web import Application, HTTPError, RequestHandler

from .audit import Audit
from .issuer import Issuer, server_of
from .keys import JWKS_MAX_AGE

#: Asks the hub whose token this is; None if nobody's.
WhoseToken = Callable[[str], Awaitable["Mapping[str, Any] | None"]]

_auth: Any = auth  # its functions are not typed
_HEADER = re.compile(r"(?:token|bearer)\s+(\S+)", re.IGNORECASE)


class Limiter:
    """How many tries a minute: for each user, and for each address whose tokens are refused."""

    def __init__(self, per_user: int = 120, refused_per_address: int = 30) -> None:
        self._limits = MovingWindowRateLimiter(MemoryStorage())
        self._user = RateLimitItemPerMinute(per_user)
        self._refused = RateLimitItemPerMinute(refused_per_address)

    def allow_user(self, name: str) -> float:
        """Count a token for a user; return how many seconds to wait, 0 if none."""
        if self._limits.hit(self._user, "user", name):
            return 0.0
        return self._wait(self._user, "user", name)

    def allow_address(self, address: str) -> float:
        """Return how many seconds an address has to wait, 0 if none."""
        if self._limits.test(self._refused, "address", address):
            return 0.0
        return self._wait(self._refused, "address", address)

    def refused(self, address: str) -> None:
        """Count a refused token."""
        self._limits.hit(self._refused, "address", address)

    def _wait(self, limit: RateLimitItemPerMinute, *name: str) -> float:
        return max(self._limits.get_window_stats(limit, *name).reset_time - time.time(), 1.0)


@dataclass
class Desk:
    """All that the handlers work with."""

    issuer: Issuer
    whose: WhoseToken
    audit: Audit
    limiter: Limiter
    access_scopes: frozenset[str]


class Refused(Exception):
    """A request that is refused: `reason` is for programs, `message` for people."""

    def __init__(
        self, status: HTTPStatus, reason: str, message: str, *, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.retry_after = retry_after


class _Handler(RequestHandler):
    def initialize(self, desk: Desk) -> None:
        self.desk = desk

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.clear_header("Server")

    def check_xsrf_cookie(self) -> None:
        """Need none: no cookie is ever looked at."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in JSON, without a traceback."""
        self.say({"error": "refused", "message": HTTPStatus(status_code).phrase})

    def say(self, body: Mapping[str, object]) -> None:
        """Answer in JSON."""
        reply: Any = self
        reply.set_header("Content-Type", "application/json")
        reply.finish(json.dumps(body))

    @property
    def address(self) -> str:
        return self.request.remote_ip or ""


class TokenHandler(_Handler):
    """Trades the caller's hub token; there is no way to say for whom."""

    async def post(self) -> None:
        """Answer with a token."""
        try:
            user = await self._caller()
            wait = self.desk.limiter.allow_user(user["name"])
            if wait:
                raise _too_many(wait)
        except Refused as refusal:
            self._refuse(refusal)
            return
        minted = self.desk.issuer.mint(user)
        self.desk.audit.write(
            "issued",
            user=user["name"],
            server=server_of(user),
            hub_token=user.get("token_id"),
            jti=minted.jti,
            kid=minted.kid,
            address=self.address,
        )
        self.say({"token": minted.token, "expires_in": self.desk.issuer.lifetime})

    async def _caller(self) -> Mapping[str, Any]:
        desk, address = self.desk, self.address
        wait = desk.limiter.allow_address(address)
        if wait:
            raise _too_many(wait)
        given = _HEADER.fullmatch(self.request.headers.get("Authorization", ""))
        if given is None:
            message = "Send the hub token as `Authorization: token …`"
            raise Refused(HTTPStatus.UNAUTHORIZED, "no_token", message)
        try:
            user = await desk.whose(given[1])
        except HTTPError:
            message = "The hub does not answer"
            raise Refused(HTTPStatus.BAD_GATEWAY, "hub_down", message, retry_after=5) from None
        if user is None:
            desk.limiter.refused(address)
            message = "The hub knows no such token"
            raise Refused(HTTPStatus.UNAUTHORIZED, "bad_token", message)
        if user.get("kind") != "user":
            message = "The token belongs to a service, not to a user"
            raise Refused(HTTPStatus.FORBIDDEN, "no_user", message)
        if not _auth.check_scopes(set(desk.access_scopes), set(user.get("scopes") or ())):
            message = f"The token lacks the scope {' or '.join(sorted(desk.access_scopes))}"
            raise Refused(HTTPStatus.FORBIDDEN, "no_access", message)
        return user

    def _refuse(self, refusal: Refused) -> None:
        self.desk.audit.write("refused", reason=refusal.reason, address=self.address)
        self.set_status(refusal.status)
        if refusal.retry_after:
            self.set_header("Retry-After", str(math.ceil(refusal.retry_after)))
        self.say({"error": refusal.reason, "message": refusal.message})


class KeysHandler(_Handler):
    """The public keys, for anybody."""

    def get(self) -> None:
        """Answer with a JWK set."""
        self.set_header("Cache-Control", f"public, max-age={JWKS_MAX_AGE}")
        self.say(self.desk.issuer.jwks())


class HealthHandler(_Handler):
    """Alive, and able to sign."""

    def get(self) -> None:
        """Answer 200 where a key can be read."""
        self.desk.issuer.jwks()
        self.say({"ok": True})


def make_app(desk: Desk, prefix: str = "/") -> Application:
    """Build the application; `prefix` ends with a slash."""
    place = re.escape(prefix)
    kept = {"desk": desk}

    def log_nothing(_: RequestHandler) -> None:
        """Leave requests to the audit log, which has no header and no URL in it."""

    return Application(
        [
            (rf"{place}token", TokenHandler, kept),
            (rf"{place}jwks\.json", KeysHandler, kept),
            (rf"{place}(?:health)?", HealthHandler, kept),
        ],
        log_function=log_nothing,
    )


def _too_many(wait: float) -> Refused:
    message = "Too many tokens were asked for within a minute"
    return Refused(HTTPStatus.TOO_MANY_REQUESTS, "too_many", message, retry_after=wait)
