"""Nobody reads or writes what is not theirs (S5): every deployed function, called by others.

The functions are those that the official CLI says are deployed, so that a new one without a case in
`access_cases.py`, or without a line in `access.json` on who may call it, fails.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from access_cases import (
    CASES,
    EXPECTED,
    OPEN,
    PASSWORD,
    PRIVATE,
    Args,
    Ids,
    delta,
    email,
    file,
    invite,
    lease,
    session_input,
)
from convex_server import ConvexServer, FunctionFailed, Refused
from tokens import Issuer, MakeToken

from ipyclaude.api_version import API_VERSION

FILE = b"abc"


class Deployed:
    """The deployed functions, a user who has something of everything, and whom she shares it with.

    `name` tells this world's people from those of another.
    """

    def __init__(self, server: ConvexServer, issuer: Issuer, name: str = "ada-of-access") -> None:
        self.server = server
        self.ada = issuer.token(name)
        self.people = {
            "owner": self.ada,
            "editor": issuer.token(f"{name}-editor"),
            "viewer": issuer.token(f"{name}-viewer"),
        }
        spec = server.function_spec()
        public = {
            one["identifier"].replace(".js:", ":"): one["functionType"].lower()
            for one in spec
            if one["visibility"]["kind"] == "public"
        }
        self.public = public
        self.internal = [
            one["identifier"].replace(".js:", ":")
            for one in spec
            if one["visibility"]["kind"] == "internal"
        ]
        self.ids = self._fill()

    def call(self, path: str, args: dict[str, Any], token: str | None) -> Any:
        """Call a public function as a client does: a mutation says which version it is of."""
        kind = self.public[path]
        given = args if kind == "query" else {**args, "api": API_VERSION}
        return self.server.call(kind, path, given, token=token)

    def _fill(self) -> Ids:
        url = self.call("files:uploadUrl", {}, self.ada)
        stored = httpx.post(url, content=FILE, headers={"content-type": "text/plain"}).json()
        ids = Ids.new(stored["storageId"], hashlib.sha256(FILE).hexdigest())
        everything = CASES["messages:append"][1](ids)
        self.call("sessions:create", {"session": session_input(ids)}, self.ada)
        self.call("messages:append", everything, self.ada)
        self.call("streams:push", {"session": ids.session, "deltas": [delta(ids)]}, self.ada)
        self.call(
            "files:save", {"session": ids.session, "storageId": ids.storage, **file(ids)}, self.ada
        )
        self.call("sessions:acquireLease", lease(ids), self.ada)
        self.call("workspaces:upsert", {"name": PRIVATE, "path": f"/{PRIVATE}"}, self.ada)
        self.call("presence:heartbeat", CASES["presence:heartbeat"][0](ids), self.ada)
        self.call("sharing:invite", invite(ids), self.ada)
        self._share(ids, "editor")
        return replace(ids, member=self._share(ids, "viewer"))

    def _share(self, ids: Ids, role: str) -> str:
        """Share the session with the person of this role; return their id."""
        code = str(uuid4())
        ids = replace(ids, invite=str(uuid4()))
        self.call("sharing:invite", invite(ids, role, code), self.ada)
        self.call("sharing:redeem", {"code": code}, self.people[role])
        return self.call("users:me", {}, self.people[role])["user"]["userId"]

    def outcome(self, path: str, args: dict[str, Any], token: str) -> str:
        """Return the code that a call is refused with, "ok" if it is not."""
        try:
            self.call(path, args, token)
        except FunctionFailed as error:
            return error.data["code"] if error.data else str(error)
        return "ok"

    def snapshot(self) -> dict[str, Any]:
        """Return all that Ada sees."""
        seen: dict[str, Any] = {}
        for path, kind in self.public.items():
            if kind == "query":
                for number, case in enumerate(CASES[path]):
                    seen[f"{path} {number}"] = self.call(path, case(self.ids), self.ada)
        cursor = None
        while True:
            args = {"session": self.ids.session, **({"cursor": cursor} if cursor else {})}
            page = self.call("export:page", args, self.ada)
            seen[f"export {cursor}"] = page
            cursor = page["cursor"]
            if cursor is None:
                return seen


@pytest.fixture(scope="module")
def others() -> dict[str, Issuer]:
    """Another issuer that is trusted too, and the issuer as it was with its key before."""
    return {"second": Issuer("https://second.test"), "before": Issuer(kid="key-before")}


@pytest.fixture(scope="module")
def deployed(
    convex_session: ConvexServer, issuer: Issuer, others: dict[str, Issuer]
) -> Iterator[Deployed]:
    convex_session.faults.clear()
    convex_session.trust(others["before"])
    taken = convex_session.call("query", "users:me", {}, token=others["before"].token("ada"))
    assert taken["user"] is None
    convex_session.trust(issuer, others["second"])
    yield Deployed(convex_session, issuer)
    convex_session.trust(issuer)


def told(deployed: Deployed, path: str, args: dict[str, Any], ids: Ids, token: str | None) -> str:
    """Return what a caller is told, with the ids by their names and without times."""
    try:
        outcome: Any = ["value", deployed.call(path, args, token)]
    except FunctionFailed as error:
        outcome = ["error", error.data or str(error).split("\n", 1)[1]]
    text = json.dumps(outcome, sort_keys=True)
    for field in fields(ids):
        text = text.replace(getattr(ids, field.name), f"<{field.name}>")
    text = re.sub(r"\b1[6-9]\d{11}(\.\d+)?\b", "<time>", text)
    text = re.sub(r"\d{20,}[a-zA-Z]\w*", "<row>", text)
    return re.sub(r"token=[\w-]+", "token=<token>", text)


def test_every_deployed_function_has_a_case(deployed: Deployed) -> None:
    """A public function that no case calls, or a case of none that is deployed, fails."""
    assert sorted([*CASES, *OPEN]) == sorted(deployed.public)
    assert sorted(EXPECTED) == sorted(CASES)


def test_signing_in_serves_who_is_not_signed_in(deployed: Deployed) -> None:
    """Of all functions only those of accounts.ts do (S5). They tell a stranger the same of an
    address that has an account, a password and an open code as of one that nobody has.
    """
    assert all(path.startswith("accounts:") for path in OPEN)
    ids, code = Ids.new(deployed.ids.storage), "the code"
    asked = {"email": email(ids), "codeHash": hashlib.sha256(code.encode()).hexdigest()}
    deployed.server.call_as_admin("credentials:invite", asked)
    mine = {"email": email(ids), "code": code, "password": PASSWORD}
    signed = deployed.call("accounts:redeem", mine, None)
    deployed.server.call_as_admin("credentials:invite", asked)
    for path, case in OPEN.items():
        said = [told(deployed, path, case(each), each, None) for each in (ids, ids.absent())]
        assert said[0] == said[1]
    # None of it ended the sign-in, or used up the code.
    renewed = deployed.call("accounts:refresh", {"refreshToken": signed["refreshToken"]}, None)
    assert deployed.call("users:ensure", {}, renewed["token"])["email"] == email(ids)
    assert deployed.call("accounts:redeem", mine, None)


def test_ada_sees_what_is_hers(deployed: Deployed) -> None:
    """The cases reach what is there: else that others don't get it would prove nothing."""
    seen = deployed.snapshot()
    blind = [path for path, value in seen.items() if value in (None, [], {})]
    assert not blind
    with_words = [path for path, value in seen.items() if PRIVATE in json.dumps(value)]
    assert len(with_words) > 15


#: What changes most for who calls it, and so is called last.
LAST = {
    "stranger": "sessions:create",
    "viewer": "sharing:leave",
    "editor": "sharing:leave",
    "owner": "sessions:remove",
}


#: What is about an identity that a person has linked.
LINKED = ("linking:confirm", "linking:unlink")


def in_order(role: str) -> list[str]:
    """Return the functions in an order in which each finds what it is about."""
    return sorted(CASES, key=lambda path: (path == LAST[role], path == "sharing:remove", path))


@pytest.mark.parametrize("role", ["viewer", "editor", "owner"])
def test_each_role_may_do_what_is_written_for_it(
    role: str, deployed: Deployed, issuer: Issuer
) -> None:
    """Each function, called by a member about the session, answers as `access.json` says."""
    world = Deployed(deployed.server, issuer, f"ada-and-her-{role}")
    found = {
        path: {world.outcome(path, case(world.ids), world.people[role]) for case in CASES[path]}
        for path in in_order(role)
    }
    if role == "owner":
        # She has linked nothing here; js/test/convex/access.test.ts calls them with a link.
        assert [found.pop(path) for path in LINKED] == [{"NotFound"}] * len(LINKED)
    assert found == {path: {EXPECTED[path][role]} for path in found}


def test_another_issuer_s_user_of_the_same_name_is_a_stranger(
    deployed: Deployed, others: dict[str, Issuer]
) -> None:
    """With a good token of another trusted issuer, `sub` alone makes nobody the same person."""
    before = deployed.snapshot()
    namesake = others["second"].token("ada-of-access")
    found: dict[str, str] = {}
    for path in in_order("stranger"):
        args = CASES[path][0](deployed.ids)
        found[path] = deployed.outcome(path, args, namesake)
        if deployed.public[path] == "query":
            assert PRIVATE not in told(deployed, path, args, deployed.ids, namesake)
    assert found == {path: EXPECTED[path]["stranger"] for path in CASES}
    assert deployed.snapshot() == before


BAD_TOKENS: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token("ada-of-access", expires_in=-60),
    "signed by an unknown key": lambda issuer: Issuer(issuer.url).token("ada-of-access"),
    "of an unknown key's name": lambda issuer: issuer.token("ada-of-access", headers={"kid": "x"}),
    "of an unknown issuer": lambda _: Issuer("https://elsewhere.test").token("ada-of-access"),
    "for another audience": lambda issuer: issuer.token("ada-of-access", aud="elsewhere"),
    "for no audience": lambda issuer: issuer.token("ada-of-access", aud=None),
    "without a signature": lambda issuer: issuer.token("ada-of-access", algorithm="none"),
    "of nobody": lambda issuer: issuer.token(None),
    "no token at all": lambda _: "ada-of-access",
}


@pytest.mark.parametrize("what", [*BAD_TOKENS, "of a key that was rotated out"])
def test_no_function_takes_a_bad_token(
    what: str, deployed: Deployed, issuer: Issuer, others: dict[str, Issuer]
) -> None:
    """Each function refuses each bad token before it runs."""
    make = BAD_TOKENS.get(what, lambda _: others["before"].token("ada-of-access"))
    token = make(issuer)
    cases = {path: cases[0] for path, cases in CASES.items()} | OPEN
    assert [path for path, case in cases.items() if takes(deployed, path, case, token)] == []


def takes(deployed: Deployed, path: str, case: Callable[[Ids], Args], token: str) -> bool:
    """Say whether a function runs for who holds this token, whatever it says then."""
    try:
        deployed.call(path, case(deployed.ids), token)
    except Refused as error:
        return error.status != 401
    except FunctionFailed:
        return True
    return True


def test_no_function_serves_nobody(deployed: Deployed) -> None:
    """Each function refuses a caller without an identity, in the same words."""
    words: dict[str, Any] = {}
    for path, cases in CASES.items():
        for case in cases:
            with pytest.raises(FunctionFailed) as refused:
                deployed.call(path, case(deployed.ids), None)
            words[path] = refused.value.data
    assert {data and data["code"] for data in words.values()} == {"Unauthenticated"}
    assert len({json.dumps(data) for data in words.values()}) == 1


@pytest.mark.parametrize("known", [True, False], ids=["who has signed in", "new here"])
def test_a_stranger_gets_nothing(known: bool, deployed: Deployed, make_token: MakeToken) -> None:
    """With another's ids a stranger is told what one is told whose ids are made up, and that is
    nothing of the other's; and nothing that a stranger does changes what the owner sees.
    """
    before = deployed.snapshot()
    leaks: list[str] = []
    for path, cases in CASES.items():
        for number, case in enumerate(cases):
            answers: list[str] = []
            # The same person twice: a stranger for each case, so that none sees another's traces.
            for ids in (deployed.ids, deployed.ids.absent()):
                kind = "real" if ids is deployed.ids else "none"
                eve = make_token(f"eve-{known}-{path}-{number}-{kind}", name="Eve", email="e@e")
                if known:
                    deployed.call("users:ensure", {}, eve)
                answers.append(told(deployed, path, case(ids), ids, eve).replace(f"-{kind}", ""))
            if answers[0] != answers[1]:
                leaks.append(f"{path}: {answers[0]} or {answers[1]}")
    assert not leaks
    assert deployed.snapshot() == before


def test_reading_functions_tell_a_stranger_none_of_the_words(
    deployed: Deployed, make_token: MakeToken
) -> None:
    """No query's answer to a stranger holds a word of the owner's."""
    eve = make_token("eve-who-reads")
    deployed.call("users:ensure", {}, eve)
    for path, kind in deployed.public.items():
        if kind == "query":
            for case in CASES[path]:
                given = case(deployed.ids)
                assert PRIVATE not in told(deployed, path, given, deployed.ids, eve)


def test_internal_functions_are_not_there(deployed: Deployed) -> None:
    """A client is told of an internal function what it is told of one that doesn't exist."""
    assert deployed.internal
    for path in [*deployed.internal, "sweeps:nothing"]:
        for kind in ("query", "mutation", "action"):
            with pytest.raises(FunctionFailed) as refused:
                deployed.server.call(kind, path, {}, token=deployed.ada)
            words = str(refused.value).replace(path, "<path>").split("] ", 1)[1]
            assert words.startswith("Server Error\nUncaught Error: Could not find public function")
            assert refused.value.data is None


def test_an_upload_needs_an_address_that_was_given(deployed: Deployed) -> None:
    """Files can be put into storage only by an address from `files:uploadUrl`."""
    for address in ("/api/storage/upload", "/api/storage/upload?token=guess"):
        answer = httpx.post(deployed.server.url + address, content=b"x")
        assert answer.status_code == 403
