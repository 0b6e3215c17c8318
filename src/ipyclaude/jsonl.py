"""The CLI's own transcripts as entries: its JSONL lines, and whether anything was said in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def entries_of(text: bytes) -> list[dict[str, Any]]:
    """Read lines; one that is no JSON object, or was cut short, is left out."""
    found: list[dict[str, Any]] = []
    # Not `splitlines`: what people write has line breaks that JSON leaves as they are.
    for line in text.split(b"\n"):
        try:
            entry: Any = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            found.append(entry)  # pyright: ignore[reportUnknownArgumentType]
    return found


def is_conversation(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether anything was said: the CLI goes on from no other transcript."""
    return any(entry.get("type") in ("user", "assistant") for entry in entries)
