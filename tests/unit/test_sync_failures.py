"""What a function's failure means, how long is waited, and when a token is renewed."""

from __future__ import annotations

from typing import Any

import pytest

from ipyclaude.exceptions import CloudError, CloudFault, CloudRefused, SignedOut, VersionMismatch
from ipyclaude.identity import Token
from ipyclaude.replica._errors import function_error
from ipyclaude.replica._timing import Timing
from ipyclaude.replica._tokens import renewal_delay

# -- what a function's failure means ------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (None, CloudFault, None),
        ({"code": "NotFound", "message": "gone"}, CloudRefused, "NotFound"),
        ({"code": "VersionMismatch", "api": 99.0}, VersionMismatch, "VersionMismatch"),
        ({"code": "Unauthenticated"}, SignedOut, None),
        ("just words", CloudRefused, ""),
        ([1], CloudRefused, ""),
    ],
)
def test_a_functions_refusal_is_told_from_its_failure(
    data: Any, kind: type[CloudError], code: str | None
) -> None:
    """A `ConvexError` is for good, anything else passes."""
    error = function_error("a:b", "Server Error", data)
    assert type(error) is kind
    assert getattr(error, "code", None) == code


def test_a_failure_is_told_in_one_line_without_the_servers_wrapping() -> None:
    """The request id and the server's frames say nothing to a person."""
    text = "[Request ID: 1f-2] Server Error\nUncaught Error: boom\n    at handler (a.ts:1)\n"
    assert function_error("a:b", text).why == "Error: boom at handler (a.ts:1)"
    assert function_error("a:b", "[Request ID: 1f] Server Error").why == "Server Error"


def test_waits_grow_are_spread_and_end_at_the_longest() -> None:
    """A server that comes back isn't met by everybody at once."""
    timing = Timing(first_wait=1, longest_wait=8)
    for failures, most in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (5000, 8)]:
        waits = [timing.wait(failures) for _ in range(200)]
        assert most / 2 <= min(waits) < max(waits) <= most


# -- when a token is renewed --------------------------------------------------------------


def delay_of(seconds: float, now: float = 1000.0) -> float | None:
    """Work out the delay for a token that ends that many seconds from now."""
    token = Token("t", expires_at=(now + seconds) * 1000)
    return renewal_delay(token, now=now, leeway=60, least=10)


@pytest.mark.parametrize(
    ("seconds", "delay"), [(3600, 3540), (300, 240), (50, 40), (5, 10), (-9999, 10)]
)
def test_a_token_is_renewed_before_its_end_but_never_in_a_rush(
    seconds: float, delay: float
) -> None:
    """A minute before, or a fifth of what is left; a wrong clock doesn't ask all the time."""
    assert delay_of(seconds) == pytest.approx(delay)


def test_a_token_without_an_end_is_not_renewed() -> None:
    """The server says when it is over."""
    assert renewal_delay(Token("t"), now=0, leeway=60, least=10) is None
