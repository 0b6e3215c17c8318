"""The server holds functions to Convex's limits, so that what passes here fits there."""

from __future__ import annotations

from typing import Any

import pytest
from convex_server import ConvexServer, FunctionFailed
from tokens import MakeToken

MIB = 1 << 20


def nested(depth: int) -> Any:
    """Return lists in one another."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


# A document holds a value one level down.
FITS: dict[str, Any] = {
    "a document of nearly 1 MiB": "x" * (MIB - 1000),
    "8,192 elements": [0.0] * 8192,
    "1,024 fields": {f"f{n}": None for n in range(1024)},
    "15 levels in a document": nested(15),
    "a name of 1,024 characters": {"k" * 1024: 1.0},
}
TOO_MUCH: dict[str, tuple[Any, str]] = {
    "a document of 1 MiB": ("x" * MIB, "too large"),
    "8,193 elements": ([0.0] * 8193, "too long"),
    "1,025 fields": ({f"f{n}": None for n in range(1025)}, "too many fields"),
    "16 levels in a document": (nested(16), "too nested"),
    "a name of 1,025 characters": ({"k" * 1025: 1.0}, "maximum field name length"),
    "a name led by a dollar": ({"$k": 1.0, "l": 1.0}, "starts with a '\\$'"),
    "a name that is not ASCII": ({"é": 1.0}, "non-control ASCII"),
    "a name with a control character": ({"a\n": 1.0}, "non-control ASCII"),
}


@pytest.mark.parametrize("what", FITS)
def test_what_fits_is_stored(what: str, sample: ConvexServer, make_token: MakeToken) -> None:
    """A value at a limit is kept and comes back equal."""
    token = make_token(f"fits {what}")
    sample.call(
        "mutation", "items:add", {"list": "l", "clientId": "1", "value": FITS[what]}, token=token
    )
    assert sample.call("query", "items:list", {"list": "l"}, token=token) == [FITS[what]]


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_does_not_fit_is_refused(
    what: str, sample: ConvexServer, make_token: MakeToken
) -> None:
    """A value over a limit fails the mutation, and nothing of it is kept."""
    value, words = TOO_MUCH[what]
    token = make_token(f"too much {what}")
    with pytest.raises(FunctionFailed, match=words):
        sample.call(
            "mutation", "items:add", {"list": "l", "clientId": "1", "value": value}, token=token
        )
    assert sample.call("query", "items:list", {"list": "l"}, token=token) == []


def test_arguments_and_results_are_bounded(sample: ConvexServer) -> None:
    """A call carries 16 MiB, either way."""
    with pytest.raises(FunctionFailed, match=r"Arguments for items:echo are too large"):
        sample.call("query", "items:echo", {"value": "x" * (16 * MIB)})
    with pytest.raises(FunctionFailed, match="Return value is too large"):
        sample.call("query", "items:text", {"length": 16 * MIB + 1})


def test_a_transaction_writes_and_reads_so_much(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """A mutation writes 16 MiB and 16,000 documents, a query reads 16 MiB and 32,000."""
    token = make_token("bulk")
    for count, size in ((17, MIB - 1000), (16_001, 1)):
        with pytest.raises(FunctionFailed, match="Wrote too"):
            fill(sample, token, count, size)
    fill(sample, token, 12, MIB - 1000)
    fill(sample, token, 5, MIB - 1000)
    with pytest.raises(FunctionFailed, match="Read too much data"):
        sample.call("query", "items:count", {"list": "bulk"}, token=token)


def fill(sample: ConvexServer, token: str, count: int, size: int) -> None:
    """Write so many documents of this many characters."""
    args = {"list": "bulk", "count": count, "size": size}
    sample.call("mutation", "items:fill", args, token=token)
