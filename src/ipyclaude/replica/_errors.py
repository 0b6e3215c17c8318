"""What a Convex function's failure means for who called it."""

from __future__ import annotations

import re
from typing import Any, cast

from ..api_version import mismatch
from ..exceptions import (
    CloudError,
    CloudFault,
    CloudRefused,
    CloudUnreachable,
    SignedOut,
)

_CHARS = 300
_PREFIX = re.compile(r"^\[Request ID: [^\]]*\] (?:Server Error\s*)?(?:Uncaught )?")


def function_error(path: str, message: str, data: Any = None) -> CloudError:
    """Return the error of a function that failed.

    Parameters
    ----------
    path
        The function, `module:function`.
    message
        The server's text; in production it says no more than "Server Error".
    data
        What a `ConvexError` held, decoded; None for any other failure.
    """
    if data is None:
        return CloudFault(
            f"Convex failed in {path}.",
            why=brief(_PREFIX.sub("", message)) or "Server Error",
            fix="It is tried again; if it goes on, ipyclaude doctor checks the deployment.",
        )
    fields = cast("dict[str, Any]", data if isinstance(data, dict) else {"message": str(data)})
    code, said = str(fields.get("code", "")), brief(str(fields.get("message", "")))
    if code == "Unauthenticated":
        return signed_out(said)
    if code == "VersionMismatch":
        return mismatch(int(fields.get("api") or 0))
    return CloudRefused(f"Convex refused {path}.", why=said or code, code=code, data=fields)


def signed_out(why: str = "") -> SignedOut:
    """Return the error of one who is not signed in."""
    return SignedOut(
        "You are not signed in to Convex.",
        why=why,
        fix="Sign in, or set CONVEX_AUTH_TOKEN; until then everything stays on this machine.",
    )


def unanswered() -> CloudUnreachable:
    """Return the error of a call that was not answered in time."""
    return CloudUnreachable(
        "Convex did not answer in time.",
        fix="Try again; %claude_session status says how it stands.",
    )


def brief(text: str) -> str:
    """Put a text on one line and shorten it."""
    line = " ".join(text.split())
    return line if len(line) <= _CHARS else line[: _CHARS - 1] + "…"
