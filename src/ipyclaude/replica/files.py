"""Reading what is too large for a row: a session's files, by their hash."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import CloudFault
from . import Cloud
from .packing import sha256

_AT_ONCE = 4


async def files_of(
    cloud: Cloud, session_id: str, rows: Iterable[Mapping[str, Any]]
) -> dict[str, bytes]:
    """Fetch the files that these rows name; return them by their hash.

    Raises
    ------
    CloudError
        One can't be had now.
    """
    names = {str(row["file"]) for row in rows if row.get("file")}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def fetch(name: str) -> bytes:
        async with gate:
            return await _file(cloud, session_id, name)

    found = await asyncio.gather(*(fetch(name) for name in names))
    return dict(zip(names, found, strict=True))


async def _file(cloud: Cloud, session_id: str, name: str) -> bytes:
    said = await cloud.query("files:get", {"session": session_id, "sha256": name})
    if said is None:
        raise _broken("the session has no such file")
    data = await cloud.download(said["url"])
    if sha256(data) != name:
        raise _broken("what came is not what was asked for")
    return data


def _broken(why: str) -> CloudFault:
    return CloudFault(
        "A large content could not be fetched from Convex.",
        why=f"{why[:1].upper()}{why[1:]}.",
        fix="It is tried again.",
    )
