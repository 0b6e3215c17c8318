"""The Convex that the tests use keeps to what the real one does."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import httpx
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


def test_production_tells_no_details(sample: ConvexServer, sample_push: Path) -> None:
    """With `redact` an error says nothing of itself, but for what a ConvexError carries."""
    with ConvexServer(push=sample_push, redact=True) as server:
        with pytest.raises(FunctionFailed) as failed:
            server.call("mutation", "items:crash")
        assert str(failed.value).endswith("] Server Error")
        with pytest.raises(FunctionFailed) as refused:
            server.call("mutation", "items:refuse", {"data": {"code": "NotFound"}})
        assert refused.value.data == {"code": "NotFound"}
    with pytest.raises(FunctionFailed, match="TypeError: a bug"):
        sample.call("mutation", "items:crash")


def test_a_file_comes_back(sample: ConvexServer, make_token: MakeToken) -> None:
    """What is uploaded is there by its address, with its type, size and hash."""
    token = make_token("files")
    url = sample.call("mutation", "files:uploadUrl", token=token)
    data = bytes(range(256)) * 1000
    stored = httpx.post(url, content=data, headers={"content-type": "image/png"}).json()
    ids = {"storageId": stored["storageId"]}
    known = sample.call("query", "files:metadata", ids)
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert (known["size"], known["sha256"], known["contentType"]) == (
        len(data),
        digest,
        "image/png",
    )
    answer = httpx.get(sample.call("query", "files:url", ids))
    assert (answer.content, answer.headers["content-type"]) == (data, "image/png")


def test_actions_and_scheduled_functions_write(sample: ConvexServer, make_token: MakeToken) -> None:
    """An action's mutations commit one by one; a cron job's function runs when a test says so."""
    token = make_token("acts")
    args = {"list": "l", "clientId": "1", "value": 1}
    assert sample.call("action", "items:addTwice", args, token=token) == [1, 2]
    assert sample.call("query", "items:list", {"list": "l"}, token=token) == [1, 1]
    before = sample.stats()["transactions"]
    sample.run_cron("add an item")
    assert sample.stats()["transactions"] == before + 1
