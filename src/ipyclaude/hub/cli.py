"""`ipyclaude hub …`: what an administrator runs."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..exceptions import SettingsError
from . import config


def add_commands(commands: Any) -> None:
    """Add `hub` and its subcommands to a parser's commands."""
    hub = commands.add_parser("hub", help="set up sign-in for a JupyterHub")
    steps = hub.add_subparsers(title="steps", required=True, metavar="STEP")

    shown = steps.add_parser("config", help="print what to paste into the hub and into Convex")
    shown.add_argument("url", metavar="URL", help="the hub's public URL")
    shown.add_argument("--convex-url", default="", metavar="URL", help="the deployment's URL")
    shown.add_argument("--token-url", default="", metavar="URL", help=_TOKEN_URL)
    shown.add_argument("--key-file", default="/srv/jupyterhub/ipyclaude-keys.json", metavar="PATH")
    shown.add_argument("--host", default="127.0.0.1", metavar="HOST", help=_HOST)
    shown.add_argument("--listen", default="", metavar="ADDRESS", help=_LISTEN)
    shown.add_argument("--port", type=int, default=config.PORT, metavar="PORT")
    shown.add_argument("--python", default=sys.executable, metavar="PATH")
    shown.add_argument("--only", choices=("hub", "convex"), help="one of the two parts alone")
    shown.set_defaults(run=_config)

    rotated = steps.add_parser("rotate", help="make a new key now; it signs in five minutes")
    rotated.add_argument("key_file", metavar="PATH", help="the issuer's key file")
    rotated.set_defaults(run=_rotate)

    jwks = steps.add_parser("jwks", help="print the public keys, for a hub Convex can't reach")
    jwks.add_argument("key_file", metavar="PATH", help="the issuer's key file")
    jwks.add_argument("--url", default="", metavar="URL", help=_JWKS_URL)
    jwks.set_defaults(run=_jwks)


_TOKEN_URL = "where servers reach the issuer, if not at the public URL"  # noqa: S105
_HOST = "where the hub's proxy reaches the issuer"
_LISTEN = "the address that the issuer listens on, if another one than --host"
_JWKS_URL = "the hub's public URL: print what Convex needs, keys included"


_FIXED_KEYS = (
    "# These keys are fixed: set IPYCLAUDE_HUB_ROTATE_DAYS=0 for the service, and run this again\n"
    "# within five minutes of `ipyclaude hub rotate`."
)


def _config(options: argparse.Namespace) -> int:
    url: str = options.url
    if not urlsplit(url).netloc:
        raise SettingsError(
            f"{url!r} is not a URL.", fix="Give the hub's public one: https://hub.example."
        )
    text = config.hub_config(
        url,
        convex_url=options.convex_url,
        key_file=options.key_file,
        token_url=options.token_url,
        host=options.host,
        listen=options.listen,
        port=options.port,
        python=options.python,
    )
    parts = {"hub": text, "convex": config.convex_config(url)}
    chosen = [options.only] if options.only else list(parts)
    sys.stdout.write("\n".join(parts[name] for name in chosen))
    return 0


def _tell_if_new(path: str) -> None:
    # A misspelt path would else give Convex keys by which no issuer signs, without a word.
    if not Path(path).exists():
        sys.stderr.write(f"{path} did not exist: new keys are made in it.\n")


def _rotate(options: argparse.Namespace) -> int:
    from .keys import JWKS_MAX_AGE, KeyFile

    _tell_if_new(options.key_file)
    made = KeyFile(Path(options.key_file)).rotate()
    sys.stdout.write(f"The key {made.kid} is published now and signs in {JWKS_MAX_AGE} s.\n")
    return 0


def _jwks(options: argparse.Namespace) -> int:
    from .issuer import MOST_LIFETIME
    from .keys import KeyFile, published

    _tell_if_new(options.key_file)
    keys = published(KeyFile(Path(options.key_file)).load(), time.time(), MOST_LIFETIME)
    text = json.dumps({"keys": [key.public() for key in keys]})
    if options.url:
        uri = f"data:text/plain;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
        text = f"{config.convex_config(options.url, uri)}{_FIXED_KEYS}"
    sys.stdout.write(f"{text}\n")
    return 0
