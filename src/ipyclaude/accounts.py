"""Accounts of a deployment's own: the key that their tokens are signed with, and who has one.

The functions are js/convex/accounts.ts and credentials.ts. Convex itself checks the tokens, as
those of any other provider, by the public key in the variable `IPYCLAUDE_ACCOUNTS`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .codes import hash_of, make_code
from .exceptions import SettingsError

if TYPE_CHECKING:
    from .deploy import Cli

#: The provider of the accounts, as Convex's auth.config.ts has them; an empty list for none.
ACCOUNTS = "IPYCLAUDE_ACCOUNTS"
#: The private key. It is made here, and nowhere but in the deployment afterwards (S6).
ACCOUNTS_KEY = "IPYCLAUDE_ACCOUNTS_KEY"
#: An HTTP API that takes mails in Resend's form, its key, and whom codes to sign in come from.
MAIL = ("IPYCLAUDE_MAIL_URL", "IPYCLAUDE_MAIL_KEY", "IPYCLAUDE_MAIL_FROM")
ALGORITHM = "RS256"
AUDIENCE = "ipyclaude"


def make_key(issuer: str) -> tuple[str, str]:
    """Make a key pair; return what `ACCOUNTS` and what `ACCOUNTS_KEY` is set to."""
    from joserfc.jwk import RSAKey

    kid = secrets.token_urlsafe(8)
    parameters: Any = {"kid": kid, "use": "sig", "alg": ALGORITHM}
    made: Any = RSAKey  # joserfc's methods are not typed
    key = made.generate_key(2048, parameters)
    published = json.dumps({"keys": [key.as_dict(private=False)]})
    provider = {
        "type": "customJwt",
        "issuer": issuer,
        # In the list itself: Convex has to reach nobody.
        "jwks": "data:text/plain;charset=utf-8;base64,"
        + base64.b64encode(published.encode()).decode(),
        "algorithm": ALGORITHM,
        "applicationID": AUDIENCE,
    }
    private = {"issuer": issuer, "kid": kid, "pkcs8": key.as_pem(private=True).decode()}
    return json.dumps([provider]), json.dumps(private)


def set_accounts(cli: Cli, say: Callable[[str], None], *, wanted: bool) -> bool:
    """Give a deployment its key for accounts, if they are wanted and it has none.

    Returns whether it has accounts.
    """
    names = cli.run("env", "list", "--names-only").split()
    if wanted and ACCOUNTS_KEY not in names:
        known = cli.run("env", "get", ACCOUNTS) if ACCOUNTS in names else "[]"
        # People are known by the issuer's name: a new key is not to make them somebody else.
        issuers = [provider["issuer"] for provider in json.loads(known)]
        public, private = make_key(issuers[0] if issuers else _issuer(cli))
        cli.run("env", "set", ACCOUNTS_KEY, stdin=private)
        cli.run("env", "set", ACCOUNTS, stdin=public)
        say("This deployment has accounts of its own now: ipyclaude accounts add EMAIL")
    elif ACCOUNTS not in names:
        cli.run("env", "set", ACCOUNTS, stdin="[]")
    return wanted or ACCOUNTS_KEY in names


def read_mail(env: Mapping[str, str]) -> dict[str, str]:
    """Return by what the deployment is to send mails; nothing where nothing is given.

    Raises
    ------
    SettingsError
        A part of it is missing.
    """
    given = {name: env[name] for name in MAIL if env.get(name)}
    missing = ", ".join(name for name in MAIL if name not in given)
    if given and missing:
        raise SettingsError(
            "Mail is set up in part only.", f"There is no {missing}.", "Give all three, or none."
        )
    return given


def set_mail(cli: Cli, given: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Let the deployment mail codes to sign in; where nothing is given it stays as it is."""
    for name, value in given.items():
        cli.run("env", "set", name, stdin=value)
    if given:
        say("Codes to sign in come by mail now: %claude_session login --mail")


def _issuer(cli: Cli) -> str:
    name = cli.target.name.rpartition(":")[2]
    return cli.target.url or f"https://{re.sub('[^a-z0-9-]+', '-', name.lower())}.convex.site"


# ---- `ipyclaude accounts` ------------------------------------------------------------------


def add(email: str, name: str | None) -> int:
    """Let the owner of an address sign in, by a code that is printed."""
    from .deploy import cache_folder, open_cli, say

    code = make_code()
    given: dict[str, str] = {"email": email, "codeHash": hash_of(code)}
    if name:
        given["name"] = name
    with open_cli(os.environ, cache_folder(), say) as cli:
        cli.run("run", "credentials:invite", json.dumps(given))
    say(
        f"{code}\n"
        f"Give this code to {email}, by a way that only they can read. It is good for 7 days and "
        "once, and sets a new password:\n"
        "%claude_session login --code"
    )
    return 0


def remove(email: str) -> int:
    """Remove an account; its sign-ins end within ten minutes."""
    from .deploy import cache_folder, open_cli, say

    with open_cli(os.environ, cache_folder(), say) as cli:
        was = json.loads(cli.run("run", "credentials:remove", json.dumps({"email": email})))
    say(f"{email} has no account any more." if was else f"{email} had no account.")
    return 0 if was else 1
