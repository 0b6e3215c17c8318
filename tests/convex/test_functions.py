"""The functions as they are deployed: what only shows on a deployment with its own protocols."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from convex_server import ConvexServer, FunctionFailed
from people import Person, at_once, message
from tokens import MakeToken

from ipyclaude.api_version import API_VERSION

RACES = 500


@pytest.fixture
def person(convex: ConvexServer, make_token: MakeToken) -> Person:
    """Somebody new."""
    return Person(convex, make_token(f"user-{uuid4()}"))


def until(holds: Callable[[], bool]) -> None:
    """Wait for what the deployment does in the background, two minutes at most."""
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, "It did not happen."


def test_two_writers_never_hold_one_lease(person: Person) -> None:
    """Of two servers that race for a session, 500 times, exactly one gets the lease (S4)."""
    session = person.session()
    wins = dict[str, int]()
    for _ in range(RACES):
        answers = at_once(
            [
                lambda holder=holder: person.do(
                    "sessions:acquireLease",
                    session=session,
                    holder=holder,
                    label=holder,
                    ttlMs=60_000,
                )
                for holder in ("a", "b")
            ]
        )
        (winner,) = {answer["lease"]["holder"] for answer in answers}
        assert [answer["granted"] for answer in answers].count(True) == 1
        assert person.ask("sessions:lease", session=session)["holder"] == winner
        person.do("sessions:releaseLease", session=session, holder=winner)
        wins[winner] = wins.get(winner, 0) + 1
    assert sum(wins.values()) == RACES


def test_concurrent_writers_get_one_order(person: Person) -> None:
    """What several servers append at once stands in one order, without a gap (S3)."""
    session = person.session()
    batches = [[message() for _ in range(3)] for _ in range(8)]
    answers = at_once(
        [
            lambda batch=batch: person.do("messages:append", session=session, messages=batch)
            for batch in batches
        ]
    )
    given = {seq["clientId"]: seq["seq"] for answer in answers for seq in answer["seqs"]}
    shown = person.ask("messages:after", session=session, after=0)["messages"]
    assert [row["seq"] for row in shown] == list(range(1, 25))
    assert {row["clientId"]: row["seq"] for row in shown} == given


def test_changes_are_told_in_one_order(person: Person) -> None:
    """Sessions that change at once have times of their own, so that a cursor misses none."""
    sessions = [person.session() for _ in range(6)]
    at_once(
        [
            lambda session=session: person.do(
                "messages:append", session=session, messages=[message()]
            )
            for session in sessions
        ]
    )
    changed = person.ask("sessions:changed", after=0)["sessions"]
    times = [row["updatedAt"] for row in changed]
    assert {row["clientId"] for row in changed} == set(sessions)
    assert times == sorted(set(times))


def test_a_large_content_goes_and_comes(person: Person) -> None:
    """3 MB go to file storage by the upload URL and come back.

    They go with their session, in the background and last of all, after its many messages.
    """
    session, data = person.session(), bytes(range(256)) * (12 * 1024)
    sha256 = hashlib.sha256(data).hexdigest()

    def save(said: str) -> None:
        stored = httpx.post(person.do("files:uploadUrl"), content=data).json()["storageId"]
        person.do(
            "files:save",
            session=session,
            sha256=said,
            storageId=stored,
            size=len(data),
            mediaType="application/octet-stream",
        )

    with pytest.raises(FunctionFailed) as failed:
        save("0" * 64)
    assert failed.value.data["code"] == "Invalid"
    save(sha256)
    person.do("messages:append", session=session, messages=[message(file=sha256)])
    file = person.ask("files:get", session=session, sha256=sha256)
    assert httpx.get(file["url"]).content == data
    for _ in range(3):
        batch = [message() for _ in range(250)]
        person.do("messages:append", session=session, messages=batch)
    person.do("sessions:remove", session=session)
    with pytest.raises(FunctionFailed) as failed:
        person.ask("messages:after", session=session, after=0)
    assert failed.value.data["code"] == "NotFound"
    until(lambda: httpx.get(file["url"]).status_code == 404)


@pytest.mark.parametrize("what", ["leases", "presence", "streams", "uploads", "invites"])
def test_the_crons_run(convex: ConvexServer, what: str) -> None:
    """Each cron finds the function that it is to run, and that does what Convex allows."""
    convex.run_cron(f"sweep {what}")


def test_another_version_is_refused(convex: ConvexServer, make_token: MakeToken) -> None:
    """A client of another version is told so, and nothing is written."""
    token = make_token(f"user-{uuid4()}")
    for args in ({}, {"api": API_VERSION + 1}):
        with pytest.raises(FunctionFailed) as failed:
            convex.call("mutation", "users:ensure", args, token=token)
        assert failed.value.data["code"] == "VersionMismatch"
        assert failed.value.data["api"] == API_VERSION
    assert convex.call("query", "users:me", {}, token=token) == {"user": None, "api": API_VERSION}
