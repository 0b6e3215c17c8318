"""Where the browser is sent after signing in: an address on this machine (RFC 8252, 7.3)."""

from __future__ import annotations

import asyncio

PATH = "/ipyclaude"
#: Without a listener the browser shows an error there, and the address is pasted.
PASTED_REDIRECT = f"http://127.0.0.1:8899{PATH}"
_PAGE = b"<!doctype html><title>ipyclaude</title><p>You may close this page and go on."
_MOST_BYTES = 16 * 1024


class Loopback:
    """Waits for the browser on 127.0.0.1.

    Parameters
    ----------
    port
        The one that the provider has registered; 0 takes any.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Loopback:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, limit=_MOST_BYTES
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def redirect(self) -> str:
        """The address to be sent to."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{PATH}"

    async def arrived(self) -> str:
        """Wait for the browser; return the address that it was sent to."""
        return await self._arrived

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            words = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
            mine = len(words) == 3 and words[0] == "GET" and words[1].startswith(f"{PATH}?")
            status, page = ("200 OK", _PAGE) if mine else ("404 Not Found", b"")
            headers = (
                f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
                "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
                "Connection: close\r\n\r\n"
            )
            writer.write(headers.encode() + page)
            await writer.drain()
            if mine and not self._arrived.done():
                self._arrived.set_result(f"http://127.0.0.1{words[1]}")
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            asyncio.TimeoutError,
            OSError,
        ):
            return  # whoever that was, it was no browser sent by the provider
        finally:
            writer.close()
