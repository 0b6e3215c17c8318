"""`ipyclaude hub config`: what to paste into the hub's configuration and Convex's environment."""

from __future__ import annotations

import json
import sys
from typing import Any

from . import ACCESS_SCOPE, ALGORITHM, AUDIENCE, SERVICE

#: What a server's token may do: JupyterHub's own two, and the trade.
SERVER_SCOPES = ("users:activity!user", "access:servers!server", ACCESS_SCOPE)
PORT = 10188

_HUB = """\
# ---- ipyclaude: everybody on this hub is signed in to Convex, without a click ----------------
import jupyterhub

c.JupyterHub.services.append({{
    "name": "{service}",
    "url": "http://{host}:{port}",
    "command": [{python!r}, "-m", "ipyclaude.hub"],
    "oauth_no_confirm": True,
    "environment": {{
        # The issuer's name. Never change it: Convex knows people by it.
        "IPYCLAUDE_HUB_ISSUER": "{issuer}",
        "IPYCLAUDE_HUB_KEY_FILE": "{key_file}",{listen}
    }},
}})

# Least scopes: users may use the service, and so may their servers' tokens.
if jupyterhub.version_info >= (6,):
    c.JupyterHub.extra_user_scopes.update({{"{access}"}})
else:
    c.JupyterHub.load_roles.append({{"name": "user", "scopes": ["self", "{access}"]}})
c.Spawner.server_token_scopes = {scopes}

c.Spawner.environment.update({{
    "IPYCLAUDE_HUB_TOKEN_URL": "{token_url}",{convex}
}})
"""

_CONVEX = """\
# ---- Convex: trust this hub (once for each hub; the value is a JSON list of all providers) ----
npx convex env set IPYCLAUDE_AUTH '{providers}'
"""


def hub_config(
    issuer: str,
    *,
    convex_url: str = "",
    key_file: str = "/srv/jupyterhub/ipyclaude-keys.json",
    token_url: str = "",
    host: str = "127.0.0.1",
    listen: str = "",
    port: int = PORT,
    python: str = sys.executable,
) -> str:
    """Return the text for `jupyterhub_config.py`.

    Parameters
    ----------
    issuer
        The hub's public URL.
    token_url
        Where servers reach the issuer, if not at the public URL.
    host
        Where the hub's proxy reaches the issuer.
    listen
        The address that the issuer listens on, if it is another one than `host`.
    """
    issuer = issuer.rstrip("/")
    convex = f'\n    "CONVEX_URL": "{convex_url}",' if convex_url else ""
    return _HUB.format(
        service=SERVICE,
        host=host,
        listen=f'\n        "IPYCLAUDE_HUB_LISTEN": "{listen}",' if listen else "",
        port=port,
        python=python,
        issuer=issuer,
        key_file=key_file,
        access=ACCESS_SCOPE,
        scopes=json.dumps(list(SERVER_SCOPES)),
        token_url=token_url or f"{issuer}/services/{SERVICE}/token",
        convex=convex,
    )


def provider(issuer: str, jwks: str = "") -> dict[str, Any]:
    """Return the provider of Convex's `auth.config.ts` for this hub.

    Parameters
    ----------
    jwks
        The keys as a `data:` URI, for a hub that Convex can't reach; else its URL is used.
    """
    issuer = issuer.rstrip("/")
    return {
        "type": "customJwt",
        "issuer": issuer,
        "jwks": jwks or f"{issuer}/services/{SERVICE}/jwks.json",
        "algorithm": ALGORITHM,
        "applicationID": AUDIENCE,
    }


def convex_config(issuer: str, jwks: str = "") -> str:
    """Return the command that makes a deployment trust this hub."""
    return _CONVEX.format(providers=json.dumps([provider(issuer, jwks)]))
