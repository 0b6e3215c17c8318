"""A token that a program prints, as credential helpers do.

The program prints the token alone, or JSON: `{"token": "…", "expires_at": 1767225600}`, the end
in epoch seconds or as ISO 8601. Nothing printed means that nobody is signed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from ..exceptions import TokenUnavailable
from ..messages import now_ms
from . import Token
from .claims import person_of
from .hiding import brief, hide_tokens
from .renewing import Renewing

_MOST_BYTES = 64 * 1024
_FIX = "Run it in a terminal, and correct c.IPyClaude.token_command (IPYCLAUDE_TOKEN_COMMAND)."


class CommandToken:
    """A `TokenSource` that runs a program.

    Parameters
    ----------
    command
        The program and its arguments; no shell is between.
    timeout
        Seconds that it may take, a browser that it opens included.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60.0,
        now: Callable[[], float] = now_ms,
    ) -> None:
        self._command = tuple(command)
        self._timeout = timeout
        #: Whose the last token was, as it says itself; empty until there is one.
        self.person = ""
        self._kept = Renewing(self._run, now=now)

    async def token(self, force_refresh: bool) -> Token | None:
        """Return the last token, or run the program for a new one.

        Raises
        ------
        TokenUnavailable
            The program is missing, fails, takes too long or prints something else.
        """
        return await self._kept.token(force_refresh)

    async def _run(self) -> Token | None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise self._failed(f"It could not be started: {error.strerror or error}.") from None
        try:
            out, err = await asyncio.wait_for(process.communicate(), self._timeout)
        except asyncio.TimeoutError:
            await _end(process)
            raise self._failed(f"It took more than {self._timeout:g} s.") from None
        except asyncio.CancelledError:
            await _end(process)
            raise
        said = brief(hide_tokens(err.decode(errors="replace")))
        if process.returncode:
            why = f"It ended with {process.returncode}" + (f" and said: {said}" if said else ".")
            raise self._failed(why)
        if len(out) > _MOST_BYTES:
            raise self._failed(f"It printed {len(out):,} bytes; a token is no more than 64 KiB.")
        token = self._read(out.decode(errors="replace").strip())
        self.person = "" if token is None else person_of(token.reveal())
        return token

    def _read(self, text: str) -> Token | None:
        if not text:
            return None
        if not text.startswith("{"):
            if len(text.split()) != 1:
                raise self._failed("It printed more than a token.")
            return Token.of_jwt(text)
        try:
            said: Any = json.loads(text)
        except ValueError:
            raise self._failed("It printed JSON that cannot be read.") from None
        token, end = _fields(cast("dict[str, Any]", said))
        if token is None:
            raise self._failed('It printed JSON without "token".')
        return token if end is None else Token(token.reveal(), expires_at=end)

    def _failed(self, why: str) -> TokenUnavailable:
        # The program alone: an argument may be a secret (S6).
        return TokenUnavailable(
            f"The program {self._command[0]!r} gave no token for Convex.", why, _FIX
        )


def _fields(said: dict[str, Any]) -> tuple[Token | None, float | None]:
    text, end = said.get("token"), said.get("expires_at")
    if not isinstance(text, str) or not text.strip():
        return None, None
    if isinstance(end, str):
        try:
            end = datetime.fromisoformat(end.replace("Z", "+00:00")).timestamp()
        except ValueError:
            end = None
    return Token.of_jwt(text.strip()), end * 1000.0 if isinstance(end, (int, float)) else None


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await process.wait()
