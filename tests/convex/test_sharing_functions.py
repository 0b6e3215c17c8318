"""Sharing as it is deployed: over live connections, and by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from clients import Tokens, connected
from convex_server import ConvexServer, FunctionFailed
from people import Person, at_once, message
from tokens import MakeToken

from ipyclaude.api_version import API_VERSION
from ipyclaude.exceptions import CloudRefused
from ipyclaude.replica import Subscription

#: What a member's open page and list ask, live.
LIVE = (
    "messages:after",
    "todos:list",
    "approvals:open",
    "streams:tail",
    "presence:list",
    "sessions:lease",
    "sharing:members",
)
LISTED = "sessions:changed"


@pytest.fixture
def new(convex: ConvexServer, make_token: MakeToken) -> Callable[[], Person]:
    """Make somebody new."""
    return lambda: Person(convex, make_token(f"user-{uuid4()}"))


def say(person: Person, session: str) -> str:
    """Append a message; return "ok" or the code it was refused with."""
    try:
        person.do("messages:append", session=session, messages=[message()])
    except FunctionFailed as error:
        return error.data["code"]
    return "ok"


async def soon(live: Subscription) -> Any:
    return await asyncio.wait_for(anext(live), 20)


@pytest.mark.asyncio
async def test_who_is_removed_hears_nothing_more(
    convex: ConvexServer, new: Callable[[], Person]
) -> None:
    """A member's live queries run again for what they show, and end as the member is removed:
    each is refused at once, and what comes later makes none of them run.
    """
    ada, eve = new(), new()
    session = ada.session()
    assert eve.do("sharing:redeem", code=ada.invite(session, "viewer"))["role"] == "viewer"
    async with connected(convex.url, Tokens(eve.token), api=API_VERSION) as client:
        args = {"session": session}
        live = {
            path: client.subscribe(path, {**args, "after": 0} if path == LIVE[0] else args)
            for path in LIVE
        }
        changes = client.subscribe(LISTED, {"after": 0})
        for each in (*live.values(), changes):
            await soon(each)
        convex.reset_stats()
        assert await asyncio.to_thread(say, ada, session) == "ok"
        assert len((await soon(live["messages:after"]))["messages"]) == 1
        (row,) = (await soon(changes))["sessions"]
        assert (row["role"], row["messageCount"]) == ("viewer", 1)
        ran = convex.stats()["functions"]
        assert {path for path in (*LIVE, LISTED) if path in ran} == {"messages:after", LISTED}
        assert max(ran[path]["maxDocumentsRead"] for path in ("messages:after", LISTED)) <= 50

        await asyncio.to_thread(ada.do, "sharing:remove", session=session, member=eve.id)
        for each in live.values():
            with pytest.raises(CloudRefused) as refused:
                await soon(each)
            assert refused.value.code == "NotFound"
        (left,) = (await soon(changes))["sessions"]
        assert (left["clientId"], left["name"], left["cwd"]) == (session, "", "")
        assert left["deletedAt"]
        convex.reset_stats()
        assert await asyncio.to_thread(say, ada, session) == "ok"
        assert await client.query("sessions:get", args) is None
        ran = convex.stats()["functions"]
        assert not [path for path in (*LIVE, LISTED) if path in ran]


def test_the_last_use_of_a_code_is_one_person_s(
    convex: ConvexServer, new: Callable[[], Person]
) -> None:
    """Of eight who redeem a code for three at the same moment, three get in, over conflicts too."""
    ada = new()
    session = ada.session()
    code = ada.invite(session, "editor", uses=3)
    people = [new() for _ in range(8)]
    convex.faults.conflict("sharing:redeem", attempts=3)
    answers = at_once([lambda each=each: each.do("sharing:redeem", code=code) for each in people])
    assert sum("session" in answer for answer in answers) == 3
    assert {answer["refused"] for answer in answers if "refused" in answer} == {"BadInvite"}
    members = ada.ask("sharing:members", session=session)
    assert [row["role"] for row in members] == ["owner", "editor", "editor", "editor"]


def test_removal_comes_between_two_messages(new: Callable[[], Person]) -> None:
    """An editor who is removed while they write: what came before is there whole and in order,
    what came after is refused, and nothing of it is there.
    """
    ada, edd = new(), new()
    session = ada.session()
    edd.do("sharing:redeem", code=ada.invite(session, "editor"))
    edd_id = edd.id
    said = at_once(
        [
            *[lambda: say(edd, session) for _ in range(6)],
            lambda: ada.do("sharing:remove", session=session, member=edd_id),
        ]
    )[:-1]
    assert say(edd, session) == "NotFound"
    assert set(said) <= {"ok", "NotFound"}
    rows = ada.ask("messages:after", session=session, after=0)["messages"]
    assert [row["seq"] for row in rows] == list(range(1, said.count("ok") + 1))
