"""Where tokens could have ended up, as texts to be searched."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from convex_server import ConvexServer
from hubs import Hub

from ipyclaude.exceptions import CloudFault
from ipyclaude.replica.packing import unpack

#: What a JWT looks like, whoever issued it.
_JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")


def private_keys(hub: Hub) -> list[str]:
    """Return the private parts of the issuer's keys."""
    return [key["d"] for key in json.loads(hub.key_file.read_text())["keys"]]


def arguments(hub: Hub) -> str:
    """Return the command lines of all that a hub runs."""
    return "\n".join(
        " ".join(process.cmdline())
        for process in psutil.Process(hub.process.pid).children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE
    )


def files(hub: Hub) -> Iterator[tuple[str, str]]:
    """Yield all files of the hub and its users, but for two kinds that are not ours to judge.

    The issuer's own keys, and the runtime files of Jupyter Server, which has always kept its
    token in them.
    """
    for path in hub.state.rglob("*"):
        if path.is_file() and path != hub.key_file and not path.name.startswith("jpserver-"):
            yield str(path), path.read_bytes().decode("latin-1")
            if path.suffix == ".sqlite3":
                yield f"what is packed in {path}", "\n".join(_packed(path))


def _packed(path: Path) -> Iterator[str]:
    with sqlite3.connect(path) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in db.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes):
                        try:
                            yield zlib.decompress(value).decode("latin-1")
                        except zlib.error:
                            continue


def rows(convex: ConvexServer) -> Iterator[tuple[str, str]]:
    """Yield each table of a deployment, with what is packed in it."""
    for name, found in convex.rows().items():
        for row in found:
            yield f"Convex's {name}", json.dumps(row)
            yield f"what is packed in Convex's {name}", "\n".join(_unpacked(row))


def _unpacked(row: Mapping[str, Any]) -> Iterator[str]:
    for text in re.findall(r'"\$bytes": "([^"]*)"', json.dumps(row)):
        try:
            yield unpack(base64.b64decode(text)).decode("latin-1")
        except CloudFault:
            continue


def leaks(places: Collection[tuple[str, str]], secrets: Collection[str]) -> set[str]:
    """Return the places that hold a secret, or anything of a token's form."""
    return {
        name
        for name, text in places
        if any(secret in text for secret in secrets) or _JWT.search(text)
    }
