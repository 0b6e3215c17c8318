"""Between values and rows: JSON that loses nothing, and the few texts that SQL looks at."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from ..exceptions import StoreCorrupt, StoreError
from ..messages import Message, ResultBlock, SessionInfo, Value

V = TypeVar("V", bound=Value)

#: What the store itself keeps of a session; never taken from a `put`.
KEPT = ("message_count", "cost_usd", "holder", "holder_expires_at")

# A replicated order comes before every local position, which has no upper end of its own.
_UNPLACED = 1 << 62
# For what pydantic's own, much faster, writer gives up on: lone surrogates, and a depth that
# tool inputs do reach. Models are opened one by one as the encoder meets them.
_ENCODER = json.JSONEncoder(default=dict, separators=(",", ":"))
_WORD = re.compile(r"[^\W_]+")


def safe(text: str) -> str:
    """Make a text fit for a TEXT column: lone surrogates are spelled out, NUL is a space."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text.replace("\0", " ")


def dump(value: Value) -> str:
    """Write a value as JSON: lone surrogates, NUL, NaN and int64 come back equal.

    What has a lone surrogate is all ASCII, since SQLite's UTF-8 TEXT can't hold one.
    """
    try:
        # Its fields, not itself: that way pydantic needn't look for each block's type.
        return to_json(vars(value), inf_nan_mode="constants").decode()
    except (PydanticSerializationError, ValueError):
        return _dump_slowly(value)


def _dump_slowly(value: Value) -> str:
    try:
        return _ENCODER.encode(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"A {type(value).__name__} can't be stored; nothing was changed.",
            f"It holds something that is not JSON: {error}.",
            "This is a fault in ipyclaude; please report it.",
        ) from error


def load(model: type[V], data: str) -> V:
    """Read a value that `dump` wrote."""
    try:
        return model.model_validate(json.loads(data))
    except (ValueError, ValidationError) as error:
        raise StoreCorrupt(
            f"A stored {model.__name__} can't be read.",
            f"{error}",
            "Please report it; the rest of the store is untouched.",
        ) from error


def session_from(row: tuple[Any, ...]) -> SessionInfo:
    """Read a session from `data` and the columns that the store keeps."""
    data, *kept = row
    return load(SessionInfo, data).model_copy(update=dict(zip(KEPT, kept, strict=True)))


def order(message: Message, pos: int, was: int | None = None) -> int:
    """Return what messages are sorted by: the server's `seq`, else after all by position (S3).

    A message that has its place (`was`) keeps it, whoever writes it anew.
    """
    if message.seq is None:
        return _UNPLACED + pos if was is None else was
    return min(message.seq, _UNPLACED - 1)


def message_from(data: str, ord_: int) -> Message:
    """Read a message; its place in the order is the column's, which a replica sets alone."""
    message = load(Message, data)
    seq = ord_ if ord_ < _UNPLACED else None
    return message if message.seq == seq else message.model_copy(update={"seq": seq})


def result_of(message: Message) -> ResultBlock | None:
    """Return how the turn ended, if this message says so."""
    if message.type != "result":
        return None
    return next((b for b in message.content if isinstance(b, ResultBlock)), None)


def cost_of(message: Message) -> float:
    """Return what the message adds to its session's cost, in USD: only results do."""
    if message.type != "result":
        return 0.0
    result = result_of(message)
    return message.cost if message.cost is not None else (result.cost_usd if result else 0.0)


def indexed_text(message: Message) -> str:
    """Return what full-text search sees of a message.

    The index keeps no copy of it, so removing a row needs this very text again: changing
    this function needs a migration that builds the index anew.
    """
    return safe(message.text)


def haystack(info: SessionInfo) -> str:
    """Return what listing matches a query against."""
    return safe("\n".join((info.name, info.title, info.cwd))).casefold()


def words(text: str) -> list[str]:
    """Split a text into the words that search knows."""
    return _WORD.findall(safe(text))


def match(text: str) -> str:
    """Make an FTS5 query of what a person typed: all its words, the last one as a prefix.

    Each word is quoted, so nothing in it is syntax. Empty if it has no word.
    """
    quoted = [f'"{word}"' for word in words(text)]
    return " ".join(quoted) + "*" if quoted else ""


def snippet(text: str, query: str, *, around: int = 60) -> str:
    """Cut the text around the first match, each match between « and »."""
    wanted = words(query)
    if not wanted:
        return text[: 2 * around]
    parts = [re.escape(word) + r"(?![^\W_])" for word in wanted[:-1]]
    pattern = re.compile(
        r"(?<![^\W_])(?:" + "|".join([*parts, re.escape(wanted[-1]) + r"[^\W_]*"]) + ")",
        re.IGNORECASE,
    )
    found = pattern.search(text)
    start = max(0, (found.start() if found else 0) - around)
    end = min(len(text), (found.end() if found else around) + around)
    cut = pattern.sub(lambda m: f"«{m.group()}»", text[start:end])
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
