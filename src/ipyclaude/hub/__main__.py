"""Run the issuer as a service of the hub: `python -m ipyclaude.hub`.

The hub gives the address, the prefix and the service's own token by its `JUPYTERHUB_…` variables;
what else can be set is in `Options`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubAuth
from tornado.httpserver import HTTPServer

from ..exceptions import IpyClaudeError, SettingsError
from . import ACCESS_SCOPE, AUDIENCE
from .audit import Audit
from .issuer import MOST_LIFETIME, Issuer
from .keys import GivenKeys, KeyFile, Keys
from .service import Desk, Limiter, make_app

_DAY = 86_400


@dataclass(frozen=True)
class Options:
    """What the environment says, `IPYCLAUDE_HUB_…` before each name in upper case."""

    #: The hub's public URL, as a browser sees it: the issuer's name for ever.
    issuer: str
    #: Where the keys are kept, unless `keys` has them.
    key_file: str = "ipyclaude-keys.json"
    keys: str = ""
    audience: str = AUDIENCE
    #: The address to listen on, if another one than that of the service's URL.
    listen: str = ""
    #: Seconds that a token lives.
    lifetime: int = MOST_LIFETIME
    #: Days after which a new key is made; 0 for never.
    rotate_days: int = 30
    #: A file for the audit log, instead of the service's standard error.
    audit_file: str = ""
    #: Tokens a minute for each user.
    per_user: int = 120

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Options:
        """Read the environment.

        Raises
        ------
        SettingsError
            The issuer is missing, or a number is none.
        """
        given = {
            name: env[f"IPYCLAUDE_HUB_{name.upper()}"]
            for name in cls.__dataclass_fields__
            if env.get(f"IPYCLAUDE_HUB_{name.upper()}")
        }
        given.setdefault("issuer", env.get("JUPYTERHUB_PUBLIC_HUB_URL", ""))
        if not urlsplit(given["issuer"]).netloc:
            raise SettingsError(
                "The issuer has no name.",
                fix="Set IPYCLAUDE_HUB_ISSUER in the service's environment: the hub's public URL.",
            )
        numbers = ("lifetime", "rotate_days", "per_user")
        try:
            return cls(**{n: int(v) if n in numbers else v for n, v in given.items()})  # pyright: ignore[reportArgumentType]
        except ValueError as error:
            wrong = next(n for n in numbers if not given.get(n, "0").isdigit())
            raise SettingsError(
                f"IPYCLAUDE_HUB_{wrong.upper()} is not a number.", fix="Correct or unset it."
            ) from error

    def make_keys(self) -> Keys:
        """Return where the keys are."""
        if self.keys:
            return GivenKeys(self.keys, "IPYCLAUDE_HUB_KEYS")
        return KeyFile(Path(self.key_file), rotate_after=self.rotate_days * _DAY)


def make_desk(options: Options, hub: HubAuth, audit: Audit) -> Desk:
    """Build what the handlers work with."""
    asks: Any = hub  # its signatures are not typed
    return Desk(
        issuer=Issuer(
            options.issuer,
            options.make_keys(),
            audience=options.audience,
            lifetime=options.lifetime,
        ),
        # Uncached: the hub's answer counts now, not as it was minutes ago.
        whose=lambda token: asks.user_for_token(token, use_cache=False, sync=False),
        audit=audit,
        limiter=Limiter(per_user=options.per_user),
        access_scopes=frozenset(hub.access_scopes or {ACCESS_SCOPE}),
    )


async def serve(desk: Desk, env: Mapping[str, str], listen: str = "") -> None:
    """Serve until the hub says to stop."""
    place = urlsplit(env["JUPYTERHUB_SERVICE_URL"])
    server = HTTPServer(make_app(desk, env["JUPYTERHUB_SERVICE_PREFIX"]), xheaders=True)
    server.listen(place.port or 80, listen or place.hostname or "127.0.0.1")
    desk.audit.write("started", issuer=desk.issuer.url, kid=desk.issuer.jwks()["keys"][-1]["kid"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.stop()
    await server.close_all_connections()
    desk.audit.write("stopped")


def _private(path: str) -> TextIO:
    """Open a file to append to that nobody else may read."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    return os.fdopen(file, "a", encoding="utf-8")


def main() -> int:
    """Run; return 1 where it can't."""
    try:
        options = Options.read(os.environ)
        with contextlib.ExitStack() as stack:
            out = sys.stderr
            if options.audit_file:
                out = stack.enter_context(_private(options.audit_file))
            desk = make_desk(options, HubAuth(), Audit(out))
            asyncio.run(serve(desk, os.environ, options.listen))
    except IpyClaudeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
