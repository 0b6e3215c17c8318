"""Convex's HTTP API: queries that run once, and files."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any, cast

import httpx

from ..exceptions import CloudError, CloudFault, CloudRefused, CloudUnreachable
from ..identity import Token
from . import Stats
from ._errors import brief, function_error, signed_out
from ._tokens import Tokens
from ._words import unreachable
from .values import decode, encode

#: Longest file that is read; what we store is far smaller.
MAX_FILE_BYTES = 256 << 20

_OK = 200
_UNAUTHORIZED = 401
_SERVER_ERROR = 500
_FUNCTION_FAILED = 560  # Convex's own status, see npm `convex/src/browser/http_client.ts`
_BUSY = (429, 503)


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    host: str
    status: int
    body: bytes

    @property
    def text(self) -> str:
        """The body's beginning, on one line."""
        return brief(self.body[:2000].decode("utf-8", "replace"))

    def fields(self) -> dict[str, Any]:
        """Read the body as a JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise CloudUnreachable(
                "What answers there is not Convex.",
                why=f"{self.host} sent something else (status {self.status}).",
                fix="Check CONVEX_URL; a proxy or a sign-in page may stand between.",
            )
        return cast("dict[str, Any]", found)


class Http:
    """One client's HTTP calls; proxies come from the environment."""

    def __init__(
        self, url: str, tokens: Tokens, stats: Stats, *, client_name: str, seconds: float
    ) -> None:
        self._url = url
        self._tokens = tokens
        self._stats = stats
        self._headers = {"Convex-Client": client_name}
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None
        # At INFO it would write URLs, and whoever has a storage URL has the file (S6).
        logging.getLogger("httpx").addFilter(_hide_url)

    async def query(self, path: str, args: Any) -> Any:
        """Run a query; a refused token is renewed once."""
        body = {"path": path, "args": [encode(args)], "format": "convex_encoded_json"}
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        self._stats.calls += 1
        token = await self._token()
        reply = await self._post_query(content, token)
        if reply.status == _UNAUTHORIZED and token is not None:
            self._tokens.reject(token)
            reply = await self._post_query(content, await self._token())
        return _result(path, reply)

    async def upload(self, url: str, data: bytes, media_type: str) -> str:
        """Store a file at an upload URL; return its storage id."""
        self._stats.calls += 1
        reply = await self._send("POST", url, data, {"Content-Type": media_type})
        if reply.status != _OK:
            raise _http_error("store a file", reply)
        return str(reply.fields()["storageId"])

    async def download(self, url: str) -> bytes:
        """Read a file."""
        self._stats.calls += 1
        reply = await self._send("GET", url, b"", {})
        if reply.status != _OK:
            raise _http_error("read a file", reply)
        return reply.body

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _token(self) -> Token | None:
        token = await self._tokens.get()
        if token is None and not self._tokens.anonymous:
            raise signed_out()
        return token

    async def _post_query(self, content: bytes, token: Token | None) -> Reply:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        return await self._send("POST", f"{self._url}/api/query", content, headers)

    async def _send(self, method: str, url: str, content: bytes, headers: dict[str, str]) -> Reply:
        client = await self._opened()
        request = client.stream(method, url, content=content, headers=headers)
        try:
            async with request as response:
                body = await _body(response)
        except httpx.HTTPError as error:
            failure = unreachable(url, error)
        else:
            self._stats.bytes_up += len(content)
            self._stats.bytes_down += len(body)
            return Reply(response.url.host, response.status_code, body)
        # Outside of the handler: a chained httpx error holds its request, and so the token (S6).
        raise failure

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # Reading the trusted certificates takes 0.1 s, too long for the loop.
            made = await asyncio.to_thread(
                httpx.AsyncClient,
                headers=self._headers,
                timeout=self._seconds,
                follow_redirects=True,
            )
            if self._client is None:
                self._client = made
        return self._client


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_FILE_BYTES:
            raise CloudRefused(
                "A file in Convex is too large to be read.",
                why=f"It is larger than {MAX_FILE_BYTES >> 20} MiB.",
                code="TooLarge",
            )
    return bytes(body)


def _result(path: str, reply: Reply) -> Any:
    if reply.status not in (_OK, _FUNCTION_FAILED):
        raise _http_error(f"run {path}", reply)
    fields = reply.fields()
    if fields.get("status") == "success":
        return decode(fields.get("value"))
    raise function_error(path, str(fields.get("errorMessage")), decode(fields.get("errorData")))


def _http_error(doing: str, reply: Reply) -> CloudError:
    if reply.status == _UNAUTHORIZED:
        return signed_out(str(reply.fields().get("message", "")))
    what, why = f"Convex could not {doing}.", f"It answered {reply.status}: {reply.text}"
    if reply.status in _BUSY or reply.status >= _SERVER_ERROR:
        return CloudFault(what, why, "It may be tried again.")
    return CloudRefused(
        what, why, "Check CONVEX_URL with ipyclaude doctor.", code=str(reply.status)
    )


def _hide_url(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{arg.scheme}://{arg.host}/…" if isinstance(arg, httpx.URL) else arg
            for arg in record.args
        )
    return True
