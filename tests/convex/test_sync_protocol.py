"""The sync protocol, message by message, as the real backend speaks it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from convex_server import ConvexServer
from raw_socket import RawSocket
from tokens import MakeToken
from websockets.exceptions import ConnectionClosed


@pytest.fixture
def socket(sample: ConvexServer, make_token: MakeToken, request: Any) -> Iterator[RawSocket]:
    """A connection of a user of its own."""
    with RawSocket(sample.url) as raw:
        raw.authenticate(make_token(request.node.name))
        assert raw.updates() == {}
        yield raw


def ts_of(encoded: str) -> int:
    """Read a timestamp."""
    return int.from_bytes(base64.b64decode(encoded), "little")


def item(value: Any, client: str = "1", name: str = "l") -> dict[str, Any]:
    """Return the arguments of items:add."""
    return {"list": name, "clientId": client, "value": value}


def test_versions_go_on_from_one_transition_to_the_next(socket: RawSocket) -> None:
    """Each transition starts where the last ended, and tells what changed."""
    socket.watch(1, "items:list", list="l")
    first = socket.receive()
    socket.mutate(0, "items:add", **item("a"))
    answer, second = socket.receive(), socket.receive()
    assert answer["type"] == "MutationResponse"
    assert answer["success"]
    assert second["startVersion"] == first["endVersion"]
    assert first["endVersion"]["querySet"] == 1
    assert first["endVersion"]["identity"] == 1
    # The client shows a mutation as done once the queries have caught up with it.
    assert ts_of(second["endVersion"]["ts"]) >= ts_of(answer["ts"])
    assert second["modifications"][0]["value"] == ["a"]


def test_a_transition_follows_a_mutation_that_changes_no_query(socket: RawSocket) -> None:
    """Else a client would wait for ever for its queries to catch up."""
    socket.mutate(0, "items:add", **item("a"))
    answer, transition = socket.receive(), socket.receive()
    assert transition["modifications"] == []
    assert ts_of(transition["endVersion"]["ts"]) >= ts_of(answer["ts"])


def test_a_request_that_is_sent_again_is_not_done_again(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """S2: a session's request has one outcome, on whichever connection it is asked for."""
    token = make_token("twice")
    answers: list[Any] = []
    with RawSocket(sample.url) as first:
        for raw in (first, RawSocket(sample.url, first.session)):
            with raw:
                raw.authenticate(token)
                raw.updates()
                raw.mutate(7, "items:push", list="l", value=1)
                answers.append(raw.receive())
    assert answers[0] == answers[1]
    assert sample.call("query", "items:list", {"list": "l"}, token=token) == [1]


def test_only_what_a_change_touches_is_run_again(socket: RawSocket, sample: ConvexServer) -> None:
    """A subscription reads by index range: a change elsewhere in the table doesn't wake it."""
    socket.watch(1, "items:list", list="mine")
    assert socket.updates() == {1: []}
    sample.reset_stats()
    socket.mutate(0, "items:add", **item("a", name="other"))
    socket.updates()
    assert sample.stats()["functions"].get("items:list") is None
    socket.mutate(1, "items:add", **item("a", "2", name="mine"))
    assert socket.updates() == {1: ["a"]}
    assert sample.stats()["functions"]["items:list"]["runs"] == 1


def test_a_tail_reads_only_what_is_new(socket: RawSocket, sample: ConvexServer) -> None:
    """What a query reads is counted by document, as far as it really read."""
    for number in range(200):
        socket.mutate(number, "items:add", **item(number, str(number)))
    while socket.receive().get("requestId") != 199:
        pass
    sample.reset_stats()
    socket.watch(1, "items:after", list="l", after=190, limit=50)
    while not (found := socket.updates()):
        pass
    assert [row["seq"] for row in found[1]] == list(range(191, 201))
    socket.mutate(200, "items:add", **item("new", "new"))
    assert [row["value"] for row in socket.updates()[1]][-1] == "new"
    stats = sample.stats()["functions"]["items:after"]
    assert (stats["runs"], stats["maxDocumentsRead"], stats["documentsRead"]) == (2, 11, 21)


def test_a_page_that_is_full_is_not_read_past_its_end(
    socket: RawSocket, sample: ConvexServer
) -> None:
    """`take(n)` depends on nothing behind the nth: what comes after doesn't wake it."""
    for number in range(3):
        socket.mutate(number, "items:add", **item(number, str(number)))
        socket.updates()
    socket.watch(1, "items:after", list="l", after=0, limit=2)
    assert len(socket.updates()[1]) == 2
    sample.reset_stats()
    socket.mutate(3, "items:add", **item(3, "3"))
    assert socket.updates() == {}
    assert sample.stats()["functions"].get("items:after") is None


def test_the_same_query_of_the_same_user_runs_once(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """As in Convex, watchers of one query share its result until something touches it."""
    token = make_token("shared")
    sockets = [RawSocket(sample.url) for _ in range(3)]
    sample.reset_stats()
    for raw in sockets:
        raw.authenticate(token)
        raw.updates()
        raw.watch(1, "items:list", list="shared")
        assert raw.updates() == {1: []}
    sample.call("mutation", "items:add", item("a", name="shared"), token=token)
    for raw in sockets:
        assert raw.updates() == {1: ["a"]}
        raw.closing.close()
    stats = sample.stats()["functions"]["items:list"]
    assert (stats["calls"], stats["runs"]) == (6, 2)


def test_pages_stay_gapless_while_the_list_grows(socket: RawSocket) -> None:
    """A page keeps its end by the journal: newer items make the first page longer."""
    for number in range(4):
        socket.mutate(number, "items:add", **item(number, str(number)))
        socket.updates()
    options = {"numItems": 2, "cursor": None}
    socket.watch(1, "items:pages", list="l", paginationOpts=options)
    page = socket.updates()[1]
    assert [row["value"] for row in page["page"]] == [3, 2]
    socket.mutate(4, "items:add", **item(4, "4"))
    grown = socket.updates()[1]
    assert [row["value"] for row in grown["page"]] == [4, 3, 2]
    assert grown["continueCursor"] == page["continueCursor"]
    rest = {"numItems": 9, "cursor": page["continueCursor"]}
    socket.watch(2, "items:pages", list="l", paginationOpts=rest)
    last = socket.updates()[2]
    assert ([row["value"] for row in last["page"]], last["isDone"]) == ([1, 0], True)


def test_a_journal_survives_a_reconnect(sample: ConvexServer, make_token: MakeToken) -> None:
    """A client that sends the journal back gets the page to the same end."""
    token = make_token("journal")
    for number in range(3):
        sample.call("mutation", "items:add", item(number, str(number)), token=token)
    options = {"numItems": 1, "cursor": None}
    with RawSocket(sample.url) as raw:
        raw.authenticate(token)
        raw.watch(1, "items:pages", list="l", paginationOpts=options)
        while not (changes := raw.receive()["modifications"]):
            pass
    sample.call("mutation", "items:add", item(3, "3"), token=token)
    with RawSocket(sample.url) as raw:
        raw.authenticate(token)
        raw.watch(1, "items:pages", changes[0]["journal"], list="l", paginationOpts=options)
        while not (found := raw.updates()):
            pass
    assert [row["value"] for row in found[1]["page"]] == [3, 2]


def test_a_bad_token_ends_in_an_auth_error(sample: ConvexServer, make_token: MakeToken) -> None:
    """The error says that it was this token's fault, and the connection ends."""
    with RawSocket(sample.url) as raw:
        raw.authenticate(make_token("late", expires_in=-60))
        error = raw.receive()
        assert (error["type"], error["authUpdateAttempted"]) == ("AuthError", True)
        assert error["baseVersion"] == 0
        with pytest.raises(ConnectionClosed):
            raw.receive()


def test_a_token_that_is_revoked_later_ends_the_next_call(
    sample: ConvexServer, make_token: MakeToken
) -> None:
    """The error says that no new token was at fault, so that a client fetches another one."""
    token = make_token("revoked later")
    with RawSocket(sample.url) as raw:
        raw.authenticate(token)
        raw.updates()
        sample.faults.revoke(token=token)
        raw.mutate(0, "items:push", list="l", value=1)
        error = raw.receive()
        assert (error["type"], error["authUpdateAttempted"]) == ("AuthError", False)
    other = make_token("revoked later", jti="other")
    assert sample.call("query", "items:list", {"list": "l"}, token=other) == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"type": "Mutation", "requestId": 0, "udfPath": "items:push", "args": [{"a": "\\ud800"}]}',
        "{",
        '{"type": "Nonsense"}',
        '{"type": "ModifyQuerySet", "baseVersion": 5, "newVersion": 6, "modifications": []}',
    ],
    ids=["lone surrogate", "no JSON", "unknown", "wrong version"],
)
def test_what_is_not_understood_is_fatal(frame: str, socket: RawSocket) -> None:
    """The backend says so and ends the connection: its strings hold no lone surrogates."""
    socket.socket.send(frame)
    assert socket.receive()["type"] == "FatalError"
    with pytest.raises(ConnectionClosed):
        socket.receive()


def test_a_client_from_the_future_is_sent_away(sample: ConvexServer) -> None:
    """One that has seen a later time than there is here talked to another deployment."""
    with RawSocket(sample.url) as raw:
        later = base64.b64encode((2**62).to_bytes(8, "little")).decode()
        raw.send(
            type="Connect", sessionId="x", connectionCount=1, maxObservedTimestamp=later, clientTs=0
        )
        with pytest.raises(ConnectionClosed) as closed:
            raw.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011


def test_a_long_transition_comes_in_parts(sample_push: Path) -> None:
    """Parts, put together in order, are the transition."""
    with (
        ConvexServer(push=sample_push, chunk_bytes=1000) as server,
        RawSocket(server.url) as raw,
    ):
        raw.watch(1, "items:text", length=2500)
        parts = [raw.receive()]
        assert parts[0]["type"] == "TransitionChunk"
        parts += [raw.receive() for _ in range(parts[0]["totalParts"] - 1)]
        assert [part["partNumber"] for part in parts] == list(range(len(parts)))
        whole = json.loads("".join(part["chunk"] for part in parts))
        assert whole["modifications"][0]["value"] == "x" * 2500
