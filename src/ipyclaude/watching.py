"""Following a session that somebody else writes: all that happens in it is shown, nothing asked."""

from __future__ import annotations

from typing import Any

from . import requests as r
from .chat import ClaudeChat
from .exceptions import UsageMistake

_READS = ("hello", "older", "find", "asset")


class WatchChat(ClaudeChat):
    """The chat without its composer; made by `%claude_session watch`."""

    _kind = "watch"

    async def _dispatch(self, request: r.Request) -> Any:
        if request.type not in _READS:
            raise UsageMistake(
                "This view only watches.",
                fix="To write in the session, use %claude_session chat.",
            )
        return await super()._dispatch(request)
