"""The Convex that the tests use keeps to what the real one does."""

from __future__ import annotations

import pytest
from convex_server import ConvexServer, FunctionFailed, Refused
from tokens import MakeToken


def test_a_value_comes_back_as_it_was_sent(sample: ConvexServer) -> None:
    """int64, bytes, NaN and the rest go through unchanged, in Convex's JSON form."""
    value = {
        "int": {"$integer": "AQAAAAAAAAA="},
        "bytes": {"$bytes": "AAEC"},
        "nan": {"$float": "AAAAAAAA+H8="},
        "list": [None, True, 1.5, "é🙂\x00"],
    }
    assert sample.call("query", "items:echo", {"value": value}) == value


def test_a_caller_is_who_the_token_says(sample: ConvexServer, make_token: MakeToken) -> None:
    """A function sees the token's issuer, subject and claims; without a token, nobody."""
    assert sample.call("query", "items:whoami") is None
    seen = sample.call("query", "items:whoami", token=make_token("ada", team="x"))
    assert seen["tokenIdentifier"] == "https://issuer.test|ada"
    assert (seen["email"], seen["team"]) == ("ada@example.test", "x")


def test_internal_functions_are_not_there_for_clients(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """An internal function answers a client as one that doesn't exist; the admin may call it."""
    for path in ("items:secret", "items:nothing"):
        with pytest.raises(FunctionFailed, match="Could not find public function"):
            sample.call("query", path, token=make_token("ada"))
    assert sample.call_as_admin("items:secret") == "hidden"


def test_a_bad_token_is_refused(sample: ConvexServer, make_token: MakeToken) -> None:
    """An expired token is refused with 401 before any function runs."""
    with pytest.raises(Refused) as refused:
        sample.call("query", "items:whoami", token=make_token("ada", expires_in=-60))
    assert refused.value.status == 401
