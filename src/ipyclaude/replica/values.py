"""Between Python values and Convex's JSON, as npm `convex/src/values/value.ts` has it.

| Python | Convex | JSON |
| --- | --- | --- |
| None, bool, str | null, boolean, string | the same |
| float, and int up to 2**53 | float64 | number; NaN, infinities and -0.0 as `{"$float": …}` |
| Int64 | int64 | `{"$integer": …}` |
| bytes | bytes | `{"$bytes": …}` |
| list, tuple | array | array |
| dict | object | object |

Numbers come back as float. There is no `undefined`: leave the key out.
Convex's texts are valid Unicode, Python's may hold lone surrogates: those are written as
`ESCAPE` and their four hex digits, and `ESCAPE` itself as `ESCAPE` and `ffff`.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Mapping
from typing import Any, cast

from ..exceptions import CloudFault, CloudRefused

#: The last code point of Unicode, a noncharacter.
ESCAPE = "\U0010ffff"
MAX_KEY_CHARS = 1024
MAX_DEPTH = 64

_TO_ESCAPE = re.compile(f"[\ud800-\udfff{ESCAPE}]")
_ESCAPED = re.compile(f"{ESCAPE}(d[89a-f][0-9a-f]{{2}}|ffff)")
_KEY = re.compile(r"(?!\$)[ -~]+\Z")
_EXACT = 1 << 53


class Int64(int):
    """A whole number that Convex keeps as int64."""

    def __new__(cls, value: int) -> Int64:
        """Make one, of 64 bits at most."""
        if not -(1 << 63) <= value < 1 << 63:
            raise CloudRefused(
                "A number doesn't fit into Convex's 64 bits.",
                why=f"It is {value}.",
                fix="Send it as text.",
                code="Invalid",
            )
        return super().__new__(cls, value)


def encode(value: object) -> Any:
    """Write a value as Convex's JSON.

    Raises
    ------
    CloudRefused
        Convex can't keep it; the error says where it is.
    """
    return _encode(value, ())


def decode(raw: Any) -> Any:
    """Read Convex's JSON.

    Raises
    ------
    CloudFault
        It is not Convex's.
    """
    if isinstance(raw, bool) or raw is None:
        return raw
    if isinstance(raw, str):
        return unescape(raw)
    if isinstance(raw, (int, float)):
        return float(raw)
    if isinstance(raw, list):
        return [decode(item) for item in cast("list[Any]", raw)]
    fields = cast("dict[str, Any]", raw)
    if len(fields) == 1:
        key, inner = next(iter(fields.items()))
        if key.startswith("$"):
            return _special(key, inner)
    return {key: decode(item) for key, item in fields.items()}


def escape(text: str) -> str:
    """Make a text valid Unicode."""
    return _TO_ESCAPE.sub(_escaped, text)


def unescape(text: str) -> str:
    """Undo `escape`; other texts stay as they are."""
    if ESCAPE not in text:
        return text
    return _ESCAPED.sub(lambda m: ESCAPE if m[1] == "ffff" else chr(int(m[1], 16)), text)


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    return f"{ESCAPE}ffff" if char == ESCAPE else f"{ESCAPE}{ord(char):04x}"


def _encode(value: object, at: tuple[str, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, (int, float)):
        return _number(value, at)
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if len(at) >= MAX_DEPTH:
        raise _unfit(at, f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        return [_encode(item, (*at, str(index))) for index, item in enumerate(items)]
    if isinstance(value, Mapping):
        return _object(cast("Mapping[object, object]", value), at)
    raise _unfit(at, f"a {type(value).__name__} is not one of its values")


def _object(value: Mapping[object, object], at: tuple[str, ...]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str) or len(key) > MAX_KEY_CHARS or not _KEY.match(key):
            why = f"keys are 1 to {MAX_KEY_CHARS} printable ASCII characters, no $ first"
            raise _unfit(at, f"{str(key)[:40]!a} can't be a key ({why})")
    fields = cast("Mapping[str, object]", value)
    return {key: _encode(item, (*at, key)) for key, item in fields.items()}


def _number(value: float, at: tuple[str, ...]) -> Any:
    if isinstance(value, Int64):
        return {"$integer": base64.b64encode(struct.pack("<q", value)).decode()}
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise _unfit(at, f"{value} would lose digits as float64; wrap it in Int64")
        return int(value)
    if math.isfinite(value) and (value or math.copysign(1, value) > 0):
        return float(value)
    return {"$float": base64.b64encode(struct.pack("<d", value)).decode()}


def _special(key: str, raw: Any) -> Any:
    try:
        data = base64.b64decode(raw, validate=True)
        if key == "$bytes":
            return data
        if key == "$integer":
            return Int64(struct.unpack("<q", data)[0])
        if key == "$float":
            return struct.unpack("<d", data)[0]
    except (TypeError, ValueError, binascii.Error, struct.error) as error:
        raise _foreign(key) from error
    raise _foreign(key)


def _unfit(at: tuple[str, ...], why: str) -> CloudRefused:
    return CloudRefused(
        "Convex can't keep this value.",
        why=f"At {'.'.join(at) or 'the top'}: {why}.",
        fix="This is a fault in ipyclaude; please report it.",
        code="Invalid",
    )


def _foreign(key: str) -> CloudFault:
    return CloudFault(
        "Convex sent a value that can't be read.",
        why=f"It has a {key!r} that this version doesn't know.",
        fix="Update ipyclaude, or ask who runs the deployment.",
    )
