"""What the CLI says of a turn that ended well, in our words."""

from __future__ import annotations

from ..messages import ResultBlock
from .events import Raw


def result_of(raw: Raw, cost: float, context_tokens: int, *, stopped: bool) -> ResultBlock:
    """Return how a turn ended and what it cost, from the CLI's last line of it."""
    usage: Raw = raw.get("usage") or {}
    models: Raw = raw.get("modelUsage") or {}
    window = next((used.get("contextWindow") for used in models.values()), 0)
    return ResultBlock(
        outcome="stopped" if stopped else "done",
        stop_reason=raw.get("stop_reason") or raw.get("terminal_reason"),
        duration_ms=float(raw.get("duration_ms") or 0),
        cost_usd=cost,
        input_tokens=int(usage.get("input_tokens") or 0),
        output_tokens=int(usage.get("output_tokens") or 0),
        cache_read_tokens=int(usage.get("cache_read_input_tokens") or 0),
        cache_creation_tokens=int(usage.get("cache_creation_input_tokens") or 0),
        num_turns=int(raw.get("num_turns") or 0),
        model=next(iter(models), None),
        context_tokens=context_tokens,
        context_window=int(window or 0),
        structured_output=raw.get("structured_output"),
    )
