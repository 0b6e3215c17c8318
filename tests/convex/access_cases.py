"""How each public function is called, so that a test can call them all as somebody else (S5).

What each then answers to whom is in `access.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

PRIVATE = "ada's own words"
#: Her identity, which anybody may know.
ADA = "https://issuer.test|ada-of-access"
#: By function and role what a call about the owner's things comes to: "ok" or a code.
EXPECTED: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("access.json").read_text(encoding="utf-8")
)

Args = dict[str, Any]


@dataclass(frozen=True)
class Ids:
    """The names of all that a user has; a stranger may have learnt them."""

    session: str
    message: str
    approval: str
    todo: str
    claude: str
    project: str
    chunk: str
    client: str
    sha256: str
    storage: str
    invite: str
    member: str

    @classmethod
    def new(cls, storage: str, sha256: str = "") -> Ids:
        """Make names that nobody has."""
        given = {"storage": storage, "sha256": sha256 or uuid4().hex * 2}
        return cls(**{field.name: str(uuid4()) for field in fields(cls)} | given)

    def absent(self) -> Ids:
        """Return names of the same form, none of which is there."""
        counter = "".join(char for char in self.storage if char.isdigit())
        storage = self.storage.replace(counter, str(int(counter) + 9000).zfill(len(counter)))
        return Ids.new(storage)


def body(text: str) -> Args:
    return {"content": [{"type": "text", "json": f'{{"type":"text","text":"{text}"}}'}]}


def session_input(ids: Ids) -> Args:
    return {
        "clientId": ids.session,
        "createdAt": 1,
        "name": PRIVATE,
        "cwd": f"/{PRIVATE}",
        "phase": {"type": "idle"},
        "isClaudeBusy": False,
        "lastActivityAt": 1,
        "claudeSessionId": ids.claude,
    }


def message(ids: Ids) -> Args:
    return {
        "clientId": ids.message,
        "type": "assistant",
        **body(PRIVATE),
        "timestamp": 1,
        "turnId": "turn",
    }


def approval(ids: Ids) -> Args:
    return {"clientId": ids.approval, "turnId": "turn", "status": "pending", **body(PRIVATE)}


def todo(ids: Ids) -> Args:
    return {"key": ids.todo, "content": PRIVATE, "status": "pending"}


def transcript(ids: Ids, subpath: str = "") -> Args:
    return {
        "claudeSessionId": ids.claude,
        "projectKey": ids.project,
        "subpath": subpath,
        "chunks": [{"chunkId": f"{ids.chunk}{subpath}", "count": 1, "data": {"$bytes": "AAEC"}}],
        "summary": PRIVATE,
    }


def delta(ids: Ids) -> Args:
    return {
        "messageClientId": f"{ids.message}-live",
        "turnId": "turn",
        "blockIndex": 0,
        "type": "text",
        "start": 0,
        "end": len(PRIVATE),
        "text": PRIVATE,
    }


def file(ids: Ids) -> Args:
    return {"sha256": ids.sha256, "size": 3, "mediaType": "text/plain"}


def lease(ids: Ids) -> Args:
    return {"session": ids.session, "holder": ids.client, "label": PRIVATE, "ttlMs": 60_000}


def invite(ids: Ids, role: str = "viewer", code: str = "") -> Args:
    return {
        "session": ids.session,
        "invite": ids.invite,
        "role": role,
        "codeHash": sha256((code or ids.invite).encode()).hexdigest(),
        "uses": 1,
        "ttlMs": 60_000,
    }


PAGE = {"paginationOpts": {"numItems": 10, "cursor": None}}

#: One or more ways to call each public function with a user's ids.
CASES: dict[str, list[Callable[[Ids], Args]]] = {
    "approvals:decide": [
        lambda ids: {
            "session": ids.session,
            "approval": ids.approval,
            "status": "allowed",
            **body("yes"),
        }
    ],
    "approvals:open": [lambda ids: {"session": ids.session}],
    "approvals:upsert": [
        lambda ids: {"session": ids.session, "approvals": [approval(ids) | {"status": "denied"}]}
    ],
    "export:page": [lambda ids: {"session": ids.session}],
    "files:get": [lambda ids: {"session": ids.session, "sha256": ids.sha256}],
    "files:save": [lambda ids: {"session": ids.session, "storageId": ids.storage, **file(ids)}],
    "files:uploadUrl": [lambda _: {}],
    "linking:cancel": [lambda _: {}],
    "linking:confirm": [lambda _: {"identity": ADA}],
    "linking:mine": [lambda _: {}],
    "linking:redeem": [lambda ids: {"code": ids.client, "agreed": ADA}],
    "linking:start": [lambda _: {"codeHash": "0" * 64}],
    "linking:unlink": [lambda _: {"identity": ADA}],
    "messages:after": [lambda ids: {"session": ids.session, "after": 0}],
    "messages:append": [
        lambda ids: {"session": ids.session, "messages": [message(ids)]},
        lambda ids: {
            "session": ids.session,
            "info": session_input(ids),
            "messages": [message(ids)],
            "todos": [todo(ids)],
            "approvals": [approval(ids)],
            "transcripts": [transcript(ids), transcript(ids, "subagents/1")],
        },
    ],
    "messages:before": [lambda ids: {"session": ids.session}],
    "messages:fetch": [lambda ids: {"session": ids.session, "clientIds": [ids.message]}],
    "presence:heartbeat": [
        lambda ids: {
            "clientKey": ids.client,
            "label": "eve",
            "sessions": [{"session": ids.session, "watching": True}],
        }
    ],
    "presence:leave": [lambda ids: {"clientKey": ids.client}],
    "presence:list": [lambda ids: {"session": ids.session}],
    "sessions:acquireLease": [lease],
    "sessions:archive": [lambda ids: {"session": ids.session, "archived": True}],
    "sessions:byClaude": [lambda ids: {"claudeSessionId": ids.claude}],
    "sessions:changed": [lambda _: {"after": 0}],
    "sessions:create": [lambda ids: {"session": session_input(ids)}],
    "sessions:get": [lambda ids: {"session": ids.session}],
    "sessions:lease": [lambda ids: {"session": ids.session}],
    "sessions:leases": [lambda _: {}],
    "sessions:list": [lambda _: PAGE, lambda _: {**PAGE, "query": PRIVATE}],
    "sessions:patch": [lambda ids: {"session": ids.session, "patch": {"name": "eve's"}}],
    "sessions:releaseLease": [lambda ids: {"session": ids.session, "holder": ids.client}],
    "sessions:remove": [lambda ids: {"session": ids.session}],
    "sessions:rename": [lambda ids: {"session": ids.session, "name": "eve's"}],
    "sessions:renewLease": [
        lambda ids: {"session": ids.session, "holder": ids.client, "ttlMs": 60_000}
    ],
    "sessions:setPhase": [
        lambda ids: {"session": ids.session, "phase": {"type": "eve"}, "isClaudeBusy": True}
    ],
    "sharing:invite": [
        lambda ids: invite(ids) | {"invite": f"{ids.invite}-2", "codeHash": ids.invite[:2] * 32}
    ],
    "sharing:invites": [lambda ids: {"session": ids.session}],
    "sharing:leave": [lambda ids: {"session": ids.session}],
    "sharing:members": [lambda ids: {"session": ids.session}],
    "sharing:redeem": [lambda _: {"code": "a wrong code"}],
    "sharing:remove": [lambda ids: {"session": ids.session, "member": ids.member}],
    "sharing:revoke": [lambda ids: {"session": ids.session, "invite": ids.invite}],
    "sharing:setRole": [
        lambda ids: {"session": ids.session, "member": ids.member, "role": "editor"}
    ],
    "streams:clear": [
        lambda ids: {"session": ids.session, "messageClientIds": [f"{ids.message}-live"]}
    ],
    "streams:push": [lambda ids: {"session": ids.session, "deltas": [delta(ids)]}],
    "streams:tail": [lambda ids: {"session": ids.session}],
    "todos:list": [lambda ids: {"session": ids.session}],
    "todos:patch": [
        lambda ids: {"session": ids.session, "key": ids.todo, "patch": {"status": "completed"}}
    ],
    "todos:replace": [lambda ids: {"session": ids.session, "todos": []}],
    "transcripts:append": [lambda ids: {"session": ids.session, **transcript(ids)}],
    "transcripts:heads": [lambda ids: {"claudeSessionId": ids.claude}],
    "transcripts:list": [lambda ids: {"projectKey": ids.project}],
    "transcripts:load": [lambda ids: {"session": ids.session, "claudeSessionId": ids.claude}],
    "transcripts:remove": [lambda ids: {"session": ids.session, "claudeSessionId": ids.claude}],
    "transcripts:subkeys": [lambda ids: {"claudeSessionId": ids.claude}],
    "users:ensure": [lambda _: {}],
    "users:me": [lambda _: {}],
    "workspaces:list": [lambda _: {}],
    "workspaces:upsert": [lambda _: {"name": "eve's", "path": f"/{PRIVATE}"}],
}

PASSWORD = "ada's own password"


def email(ids: Ids) -> str:
    return f"{ids.client}@example.test"


#: The only functions that serve whoever comes: one can't be signed in before signing in. What
#: they tell a stranger of somebody's account has tests of its own (test_access.py).
OPEN: dict[str, Callable[[Ids], Args]] = {
    "accounts:mailCode": lambda ids: {"email": email(ids)},
    "accounts:offers": lambda _: {},
    "accounts:redeem": lambda ids: {"email": email(ids), "code": "guess", "password": PASSWORD},
    "accounts:refresh": lambda ids: {"refreshToken": f"{ids.client}.guess"},
    "accounts:signIn": lambda ids: {"email": email(ids), "password": "guess"},
    "accounts:signOut": lambda ids: {"refreshToken": f"{ids.client}.guess", "everywhere": True},
}
