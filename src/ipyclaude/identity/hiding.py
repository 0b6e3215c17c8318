"""Takes what looks like a token out of other people's words, before they are shown (S6)."""

from __future__ import annotations

import re

# https://www.rfc-editor.org/rfc/rfc7515#section-3.1: a JWT is three base64url texts, and its
# first begins with `{"`.
_JWT = re.compile(r"\beyJ[\w-]+(?:\.[\w-]*){1,4}")
_NAMED = re.compile(
    r"(?P<name>(?:access|refresh|id)_token|client_secret|device_code|authorization)"
    r"(?P<is>[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|token)\s+)?)(?P<value>[^\s\"'&,;}]+)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_MOST_CHARS = 500


def hide_tokens(text: str) -> str:
    """Return the text with an ellipsis in the place of every token that can be told."""
    return _NAMED.sub(lambda m: f"{m['name']}{m['is']}…", _JWT.sub("…", text))


def brief(text: str) -> str:
    """Return the end of a program's or server's words, on one line."""
    line = " ".join(_CONTROL.sub("", text).split())
    return line if len(line) <= _MOST_CHARS else "…" + line[-_MOST_CHARS:]
