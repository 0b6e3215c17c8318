"""The sync protocol's state: what is sent on each connection, and when a call is settled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyclaude.exceptions import CloudFault, CloudRefused, CloudUnreachable
from ipyclaude.identity import Token
from ipyclaude.replica._sync import (
    AuthRefused,
    ProtocolBroken,
    ServerFatal,
    SyncState,
    read_ts,
    write_ts,
)


def sent(frames: list[bytes]) -> list[dict[str, Any]]:
    """Read what would go over the wire."""
    return [json.loads(frame) for frame in frames]


def begin(sync: SyncState, token: Token | None = None) -> list[dict[str, Any]]:
    """Start a connection."""
    return sent(sync.restart(token, "test", 0))


class Server:
    """The other side of one connection: keeps the versions that transitions tell."""

    def __init__(self, sync: SyncState) -> None:
        self.sync = sync
        self.version = {"querySet": 0, "identity": 0, "ts": write_ts(0)}

    def transition(self, ts: int, *changes: dict[str, Any], **versions: int) -> dict[str, Any]:
        """Make the next transition."""
        end = {**self.version, **versions, "ts": write_ts(ts)}
        start, self.version = self.version, end
        return {
            "type": "Transition",
            "startVersion": start,
            "endVersion": end,
            "modifications": list(changes),
        }

    def move(self, ts: int, *changes: dict[str, Any], **versions: int) -> None:
        """Let the client receive the next transition."""
        self.sync.receive(self.transition(ts, *changes, **versions))


def updated(query_id: int, value: Any, journal: str | None = None) -> dict[str, Any]:
    """Make a query's new result."""
    return {"type": "QueryUpdated", "queryId": query_id, "value": value, "journal": journal}


def answer(request_id: int, ts: int, result: Any = None) -> dict[str, Any]:
    """Make a mutation's reply."""
    return {
        "type": "MutationResponse",
        "requestId": request_id,
        "success": True,
        "result": result,
        "ts": write_ts(ts),
    }


def test_a_connection_begins_with_who_we_are_what_we_watch_and_what_is_open() -> None:
    """Session id, token, queries and mutations go in this order."""
    sync = SyncState()
    sync.watch("notes:list", {"n": 1}, print)
    sync.call("notes:add", {"text": "a"}, print)
    hello, auth, queries, mutation = begin(sync, Token("t"))
    assert hello["type"] == "Connect"
    assert hello["sessionId"] == sync.session_id
    assert hello["connectionCount"] == 0
    assert "maxObservedTimestamp" not in hello
    assert auth == {
        "type": "Authenticate",
        "tokenType": "User",
        "value": "t",
        "baseVersion": 0,
    }
    assert queries["modifications"] == [
        {"type": "Add", "queryId": 0, "udfPath": "notes:list", "args": [{"n": 1}]}
    ]
    assert (queries["baseVersion"], queries["newVersion"]) == (0, 1)
    assert mutation == {
        "type": "Mutation",
        "requestId": 1,
        "udfPath": "notes:add",
        "args": [{"text": "a"}],
    }


def test_unsettled_mutations_are_sent_again_in_order_with_their_ids() -> None:
    """A new connection has the same session id and request ids (S2)."""
    sync = SyncState()
    first = begin(sync)[0]
    for text in "abc":
        sync.call("notes:add", {"text": text}, print)
    server = Server(sync)
    sync.receive(answer(1, 5))
    server.move(9, querySet=1)
    again = begin(sync)
    assert again[0]["sessionId"] == first["sessionId"]
    assert again[0]["connectionCount"] == 1
    assert read_ts(again[0]["maxObservedTimestamp"]) == 9
    assert [(m["requestId"], m["args"][0]["text"]) for m in again[2:]] == [(0, "a"), (2, "c")]


def test_a_result_waits_for_the_transition_that_includes_it() -> None:
    """Who has the result can read what was written."""
    sync, got = SyncState(), list[Any]()
    begin(sync)
    server = Server(sync)
    sync.call("notes:add", {}, got.append)
    server.move(4, querySet=1)
    sync.receive(answer(0, 7, "yes"))
    server.move(6)
    assert got == []
    server.move(7)
    assert got == ["yes"]


def test_a_reply_that_comes_after_its_transition_settles_at_once() -> None:
    """After a reconnect the transition may be first; nothing hangs."""
    sync, got = SyncState(), list[Any]()
    begin(sync)
    sync.call("notes:add", {}, got.append)
    Server(sync).move(9, querySet=1)
    sync.receive(answer(0, 7, "yes"))
    assert got == ["yes"]


def test_a_mutation_that_was_answered_but_not_seen_is_sent_again_and_settles_once() -> None:
    """The server answers it from its memory; the first result counts."""
    sync, got = SyncState(), list[Any]()
    begin(sync)
    sync.call("notes:add", {}, got.append)
    sync.receive(answer(0, 7, "first"))
    assert [m["requestId"] for m in begin(sync)[2:]] == [0]
    sync.receive(answer(0, 7, "second"))
    Server(sync).move(7, querySet=1)
    sync.receive(answer(0, 7, "third"))
    assert got == ["first"]


def test_a_forgotten_mutation_is_not_sent_again() -> None:
    """Nobody waits for it, and its late reply is nobody's."""
    sync, got = SyncState(), list[Any]()
    call, _ = sync.call("notes:add", {}, got.append)
    sync.forget(call)
    assert len(begin(sync)) == 2
    sync.receive(answer(0, 1))
    assert got == []


def test_failures_settle_at_once() -> None:
    """A function's error needs no transition; later ones are not held up."""
    sync, got = SyncState(), list[Any]()
    begin(sync)
    sync.call("notes:add", {}, got.append)
    failed = {
        "type": "MutationResponse",
        "requestId": 0,
        "success": False,
        "result": "Server Error",
    }
    sync.receive(failed)
    assert [type(error) for error in got] == [CloudFault]


def test_a_live_query_gives_its_journal_back() -> None:
    """Pages end where they ended before the reconnect."""
    sync, got = SyncState(), list[Any]()
    sync.watch("notes:page", {}, got.append)
    begin(sync)
    Server(sync).move(1, updated(0, [1], journal="here"), querySet=1)
    assert got == [[1.0]]
    assert begin(sync)[1]["modifications"][0]["journal"] == "here"


def test_a_query_that_ended_hears_nothing_and_is_not_added_again() -> None:
    """A result that was under way is dropped, and ending twice sends once."""
    sync, got = SyncState(), list[Any]()
    watch, _ = sync.watch("notes:list", {}, got.append)
    begin(sync)
    frame = sync.unwatch(watch)
    assert frame is not None
    assert json.loads(frame)["modifications"] == [{"type": "Remove", "queryId": 0}]
    Server(sync).move(1, updated(0, 1), querySet=1)
    assert got == []
    assert sync.unwatch(watch) is None
    assert begin(sync)[1]["modifications"] == []


def test_a_value_that_cannot_be_read_fails_its_reader_only() -> None:
    """An unknown kind of value is an error there; other queries go on."""
    sync, one, two = SyncState(), list[Any](), list[Any]()
    sync.watch("a:a", {}, one.append)
    sync.watch("b:b", {}, two.append)
    begin(sync)
    Server(sync).move(1, updated(0, {"$set": []}), updated(1, 2), querySet=1)
    assert isinstance(one[0], CloudFault)
    assert two == [2.0]


@given(st.integers(1, 9), st.text(min_size=1))
def test_a_transition_in_parts_is_one(parts: int, value: str) -> None:
    """The parts are joined in order and mean what the whole does."""
    sync, got = SyncState(), list[Any]()
    sync.watch("a:a", {}, got.append)
    begin(sync)
    whole = json.dumps(Server(sync).transition(1, updated(0, value), querySet=1))
    step = -(-len(whole) // parts)
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    for number, piece in enumerate(pieces):
        assert got == []
        chunk = {"chunk": piece, "partNumber": number, "totalParts": len(pieces)}
        sync.receive({"type": "TransitionChunk", "transitionId": "x", **chunk})
    assert len(got) == 1


def chunk(number: int, text: str = "{") -> dict[str, Any]:
    """Make a part of a transition of three."""
    return {"type": "TransitionChunk", "chunk": text, "partNumber": number, "totalParts": 3}


def test_a_missing_part_ends_the_connection_and_the_next_starts_clean() -> None:
    """Half a transition is never applied."""
    sync = SyncState()
    begin(sync)
    sync.receive(chunk(0))
    with pytest.raises(ProtocolBroken, match="part"):
        sync.receive(chunk(2))
    begin(sync)
    sync.receive(chunk(0))


def test_a_missing_transition_ends_the_connection() -> None:
    """A result that was lost is noticed, and everything is asked for anew."""
    sync = SyncState()
    begin(sync)
    server = Server(sync)
    server.transition(1, querySet=1)
    with pytest.raises(ProtocolBroken, match="missing"):
        server.move(2)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "Transition"},
        {"type": "MutationResponse", "requestId": 0, "success": True, "result": 1, "ts": "?"},
        {"type": "MutationResponse", "requestId": 0, "success": True, "result": 1, "ts": "AA=="},
        {"type": "TransitionChunk", "partNumber": 0, "chunk": "{", "totalParts": 1},
        {"type": "Transition", "startVersion": {"querySet": [], "identity": 0, "ts": ""}},
    ],
)
def test_nonsense_ends_the_connection_not_the_client(message: dict[str, Any]) -> None:
    """What can't be read is `ProtocolBroken`, which a new connection cures."""
    sync = SyncState()
    begin(sync)
    sync.call("a:a", {}, print)
    with pytest.raises(ProtocolBroken):
        sync.receive(message)


def test_a_message_of_an_unknown_kind_is_skipped() -> None:
    """A newer server may tell more than we know (S7)."""
    sync = SyncState()
    begin(sync)
    results: list[object] = []
    sync.call("a:a", {}, results.append)
    for kind in ("Ping", "Weather"):
        sync.receive({"type": kind, "sky": "blue"})
    assert results == []
    Server(sync).move(1)
    sync.receive(answer(0, 1, "done"))
    assert results == ["done"]


def test_a_connection_is_confirmed_once_queries_and_identity_are() -> None:
    """A transition that knows our queries but not yet our token doesn't count."""
    sync = SyncState()
    begin(sync, Token("t"))
    server = Server(sync)
    server.move(1, querySet=1)
    assert not sync.confirmed
    server.move(2, identity=1)
    assert sync.confirmed


def test_a_refused_token_is_told_from_one_that_was_replaced_meanwhile() -> None:
    """An expiry that crossed our newer token on its way is not held against that one."""
    sync = SyncState()
    begin(sync, Token("old"))
    server = Server(sync)
    server.move(1, querySet=1, identity=1)
    with pytest.raises(AuthRefused) as refused:
        sync.receive({"type": "AuthError", "error": "expired", "authUpdateAttempted": False})
    assert refused.value.fresh
    sync.authenticate(Token("new"))
    with pytest.raises(AuthRefused) as refused:
        sync.receive({"type": "AuthError", "error": "expired", "authUpdateAttempted": False})
    assert not refused.value.fresh
    with pytest.raises(AuthRefused) as refused:
        sync.receive({"type": "AuthError", "error": "bad", "authUpdateAttempted": True})
    assert refused.value.fresh


def test_a_fatal_error_is_told_with_the_servers_words() -> None:
    """The person reads what the server said."""
    with pytest.raises(ServerFatal, match="BaseVersionMismatch"):
        SyncState().receive({"type": "FatalError", "error": "BaseVersionMismatch"})


def test_all_that_waits_can_be_failed_together() -> None:
    """Signing out tells every caller, and nothing is sent any more."""
    sync, got = SyncState(), list[Any]()
    for _ in range(2):
        sync.call("a:a", {}, got.append)
    error = CloudUnreachable("closed")
    sync.fail(error)
    assert got == [error, error]
    assert len(begin(sync)) == 2


def test_arguments_that_no_server_takes_are_refused_here() -> None:
    """More than 16 MiB would end the connection each time it was sent."""
    sync = SyncState()
    with pytest.raises(CloudRefused) as caught:
        sync.call("a:a", {"text": "x" * (16 << 20)}, print)
    assert caught.value.code == "TooLarge"
    assert len(begin(sync)) == 2


def test_arguments_that_convex_cannot_keep_never_reach_the_wire() -> None:
    """Nothing is begun, so nothing hangs."""
    sync = SyncState()
    with pytest.raises(CloudRefused, match="can't be a key"):
        sync.watch("a:a", {"$x": 1}, print)
    assert begin(sync)[1]["modifications"] == []


@given(st.integers(0, 2**64 - 1))
def test_timestamps_keep_all_their_bits(ts: int) -> None:
    """They are 64 bits, more than a float holds."""
    assert read_ts(write_ts(ts)) == ts
