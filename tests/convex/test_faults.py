"""Faults on request do what they say, once, and to nobody else."""

from __future__ import annotations

import time

import httpx
import pytest
from convex_server import ConvexServer, FunctionFailed, Refused
from tokens import MakeToken


def push(sample: ConvexServer, token: str, value: int) -> int:
    """Add an item by HTTP, which guards nobody against a second call."""
    return sample.call("mutation", "items:push", {"list": "l", "value": value}, token=token)


def kept(sample: ConvexServer, token: str) -> list[int]:
    """Return what was added."""
    return sample.call("query", "items:list", {"list": "l"}, token=token)


def test_a_lost_reply_comes_after_the_work(sample: ConvexServer, make_token: MakeToken) -> None:
    """The connection ends without an answer, and the item is there."""
    token = make_token("loses")
    sample.faults.lose_reply("items:push")
    with pytest.raises(httpx.RemoteProtocolError):
        push(sample, token, 1)
    assert kept(sample, token) == [1]
    assert push(sample, token, 2) == 2


def test_a_drop_before_the_work_leaves_nothing(sample: ConvexServer, make_token: MakeToken) -> None:
    """The connection ends without an answer, and nothing was done."""
    token = make_token("dropped")
    sample.faults.drop_before("items:push")
    with pytest.raises(httpx.RemoteProtocolError):
        push(sample, token, 1)
    assert kept(sample, token) == []


def test_four_conflicts_are_retried_and_the_fifth_is_told(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """As Convex does: a mutation runs five times at most, and its failed runs leave nothing."""
    token = make_token("conflicting")
    sample.faults.conflict("items:push", attempts=4)
    assert push(sample, token, 1) == 1
    sample.faults.conflict("items:push", attempts=5)
    with pytest.raises(FunctionFailed, match="changed while this mutation was being run"):
        push(sample, token, 2)
    assert kept(sample, token) == [1]


def test_offline_refuses_connections_until_told(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """Nobody is let in while offline; the tests' own door stays open, and the documents stay."""
    token = make_token("offline")
    push(sample, token, 1)
    sample.faults.offline()
    with pytest.raises(httpx.ConnectError):
        kept(sample, token)
    assert sample.stats()["sockets"] == 0
    sample.faults.online()
    assert kept(sample, token) == [1]


def test_offline_ends_by_itself(sample: ConvexServer) -> None:
    """Offline for so many ms is over after them."""
    sample.faults.offline(ms=100)
    with pytest.raises(httpx.ConnectError):
        sample.call("query", "items:whoami")
    deadline = time.monotonic() + 5
    while True:
        try:
            assert sample.call("query", "items:whoami") is None
            break
        except httpx.ConnectError:
            assert time.monotonic() < deadline


def test_a_fault_hits_the_calls_that_it_names(sample: ConvexServer, make_token: MakeToken) -> None:
    """Other functions go on, so do calls before the nth, and a fault is used up."""
    token = make_token("named")
    sample.faults.internal("items:push", after=1)
    assert kept(sample, token) == []
    assert push(sample, token, 1) == 1
    with pytest.raises(Refused) as refused:
        push(sample, token, 2)
    assert (refused.value.status, refused.value.code) == (500, "InternalServerError")
    assert push(sample, token, 3) == 2
    assert sample.stats()["faults"]["internal"] == 1


def test_a_function_fails_or_is_slow_on_request(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """A failing function answers as one with a bug does, a slow one after its time."""
    token = make_token("slow")
    sample.faults.error("items:push")
    with pytest.raises(FunctionFailed, match="Server Error") as failed:
        push(sample, token, 1)
    assert failed.value.data is None
    sample.faults.slow(200, "items:push")
    begun = time.monotonic()
    push(sample, token, 1)
    assert time.monotonic() - begun >= 0.2


def test_a_revoked_token_is_refused(sample: ConvexServer, make_token: MakeToken) -> None:
    """One token, or all of a subject, are taken no more; others are."""
    first, second, other = make_token("r", jti="1"), make_token("r", jti="2"), make_token("s")
    sample.faults.revoke(token=first)
    with pytest.raises(Refused):
        kept(sample, first)
    assert kept(sample, second) == []
    sample.faults.revoke(subject="r")
    with pytest.raises(Refused):
        kept(sample, second)
    assert kept(sample, other) == []
