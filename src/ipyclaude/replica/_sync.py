"""Convex's sync protocol without I/O: what to send, and what it means that came.

The messages are those of npm `convex/src/browser/sync/protocol.ts`. One session id and a
request id for each mutation let the server run a mutation once however often it is sent; so
all that are not settled are sent again, in order, on each new connection.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ..exceptions import CloudError, CloudRefused
from ..identity import Token
from ._errors import function_error
from .values import decode, encode

Settle = Callable[[Any], None]

#: A server takes no more arguments than that, https://docs.convex.dev/production/state/limits.
MAX_ARGUMENT_BYTES = 16 << 20

_START = (0, 0, 0)


class ProtocolBroken(Exception):
    """What the server sent doesn't fit; a new connection starts over."""


class ServerFatal(Exception):
    """The server told us that it won't go on with this client."""


class AuthRefused(Exception):
    """The server refused the token; `fresh` says that it was the last one sent."""

    def __init__(self, why: str, *, fresh: bool) -> None:
        super().__init__(why)
        self.why, self.fresh = why, fresh


@dataclass(eq=False)
class Call:
    """A mutation that is not settled; `settle` gets its result, or a `CloudError`."""

    path: str
    frame: bytes
    settle: Settle
    #: When it was committed; the result waits for the transition that includes it.
    ts: int | None = None
    result: Any = None


@dataclass(eq=False)
class Watch:
    """A live query; `deliver` gets each result, or a `CloudError`."""

    query_id: int
    path: str
    args: Any
    deliver: Settle
    #: What the server wants back when the query is added again, so that pages stay the same.
    journal: Any = None

    def added(self) -> dict[str, Any]:
        """Return the modification that adds it."""
        added = {"type": "Add", "queryId": self.query_id, "udfPath": self.path, "args": [self.args]}
        return {**added, "journal": self.journal} if self.journal is not None else added


@dataclass
class SyncState:
    """One client's queries and mutations, over all its connections."""

    session_id: str = field(default_factory=lambda: str(uuid4()))
    _watches: dict[int, Watch] = field(default_factory=dict[int, Watch])
    _calls: dict[int, Call] = field(default_factory=dict[int, Call])
    _made: int = 0
    _connections: int = 0
    _observed: int = 0
    #: The versions that this connection's server has told of: query set, identity, ts.
    _version: tuple[int, int, int] = _START
    _query_set: int = 0
    _identity: int = 0
    _chunks: list[str] = field(default_factory=list[str])

    # -- what we send -------------------------------------------------------------------

    def restart(self, token: Token | None, reason: str, now_ms: float) -> list[bytes]:
        """Begin on a new connection: return all that the server must know, in order."""
        self._version, self._query_set, self._identity = _START, 0, 0
        self._chunks.clear()
        hello: dict[str, Any] = {
            "type": "Connect",
            "sessionId": self.session_id,
            "connectionCount": self._connections,
            "lastCloseReason": reason,
            "clientTs": int(now_ms),
        }
        if self._observed:
            hello["maxObservedTimestamp"] = write_ts(self._observed)
        self._connections += 1
        frames = [_frame(hello)]
        if token is not None:
            frames.append(self.authenticate(token))
        frames.append(self._modify([watch.added() for watch in self._watches.values()]))
        return frames + [call.frame for call in self._calls.values()]

    def authenticate(self, token: Token) -> bytes:
        """Say who we are from now on."""
        base, self._identity = self._identity, self._identity + 1
        value = token.reveal()
        return _frame(
            {"type": "Authenticate", "tokenType": "User", "value": value, "baseVersion": base}
        )

    def watch(self, path: str, args: Any, deliver: Settle) -> tuple[Watch, bytes]:
        """Add a live query; return it and what to send."""
        watch = Watch(self._number(), path, encode(args), deliver)
        self._watches[watch.query_id] = watch
        return watch, self._modify([watch.added()])

    def unwatch(self, watch: Watch) -> bytes | None:
        """End a live query; return what to send, None if it was ended before."""
        if self._watches.pop(watch.query_id, None) is None:
            return None
        return self._modify([{"type": "Remove", "queryId": watch.query_id}])

    def call(self, path: str, args: Any, settle: Settle) -> tuple[Call, bytes]:
        """Begin a mutation; return it and what to send."""
        request_id = self._number()
        frame = _frame(
            {"type": "Mutation", "requestId": request_id, "udfPath": path, "args": [encode(args)]}
        )
        if len(frame) > MAX_ARGUMENT_BYTES:
            raise CloudRefused(
                f"What {path} should be given is too large for one call.",
                why=f"It is {len(frame) / 2**20:.1f} MiB, and Convex takes 16.",
                code="TooLarge",
            )
        call = Call(path, frame, settle)
        self._calls[request_id] = call
        return call, frame

    def forget(self, call: Call) -> None:
        """Don't send this mutation again; nobody waits for it."""
        self._calls = {key: other for key, other in self._calls.items() if other is not call}

    def fail(self, error: CloudError) -> None:
        """Settle every mutation with this error."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.settle(error)

    def _modify(self, modifications: list[dict[str, Any]]) -> bytes:
        base, self._query_set = self._query_set, self._query_set + 1
        return _frame(
            {
                "type": "ModifyQuerySet",
                "baseVersion": base,
                "newVersion": self._query_set,
                "modifications": modifications,
            }
        )

    def _number(self) -> int:
        self._made += 1
        return self._made - 1

    # -- what comes ---------------------------------------------------------------------

    @property
    def confirmed(self) -> bool:
        """True once the server has told us all that this connection began with."""
        return self._version[0] > 0 and self._version[1] == self._identity

    def receive(self, message: dict[str, Any]) -> None:
        """Take in a message of the server; kinds that we don't know are skipped (S7).

        Raises
        ------
        ProtocolBroken, ServerFatal, AuthRefused
            This connection is over.
        """
        try:
            self._receive(message)
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise ProtocolBroken(f"{type(error).__name__} in a {message.get('type')}") from error

    def _receive(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "TransitionChunk":
            whole = self._assemble(message)
            if whole is not None:
                self._transition(whole)
        elif kind == "Transition":
            self._transition(message)
        elif kind == "MutationResponse":
            self._answered(message)
        elif kind == "AuthError":
            self._auth_error(message)
        elif kind == "FatalError":
            raise ServerFatal(str(message["error"]))

    def _assemble(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        if chunk["partNumber"] != len(self._chunks):
            raise ProtocolBroken("a part of a transition is missing")
        self._chunks.append(chunk["chunk"])
        if len(self._chunks) < chunk["totalParts"]:
            return None
        text = "".join(self._chunks)
        self._chunks.clear()
        return json.loads(text)

    def _transition(self, message: dict[str, Any]) -> None:
        if read_version(message["startVersion"]) != self._version:
            raise ProtocolBroken("a transition is missing")
        self._version = read_version(message["endVersion"])
        self._observed = max(self._observed, self._version[2])
        for change in message["modifications"]:
            watch = self._watches.get(change["queryId"])
            if watch is not None:
                _change(watch, change)
        for request_id, call in list(self._calls.items()):
            self._settle_if_seen(request_id, call)

    def _answered(self, message: dict[str, Any]) -> None:
        request_id = message["requestId"]
        call = self._calls.get(request_id)
        if call is None or call.ts is not None:
            return  # settled before, or sent again after it was answered
        if not message["success"]:
            del self._calls[request_id]
            call.settle(_failure(call.path, message["result"], message))
            return
        call.ts, call.result = read_ts(message["ts"]), _value(message["result"])
        self._observed = max(self._observed, call.ts)
        self._settle_if_seen(request_id, call)

    def _settle_if_seen(self, request_id: int, call: Call) -> None:
        if call.ts is not None and call.ts <= self._version[2]:
            del self._calls[request_id]
            call.settle(call.result)

    def _auth_error(self, message: dict[str, Any]) -> None:
        # One that is not about a new token is about one that we may have replaced meanwhile.
        fresh = bool(message.get("authUpdateAttempted")) or self._version[1] == self._identity
        raise AuthRefused(str(message["error"]), fresh=fresh)


def _change(watch: Watch, change: dict[str, Any]) -> None:
    kind = change["type"]
    if "journal" in change:
        watch.journal = change["journal"]
    if kind == "QueryUpdated":
        watch.deliver(_value(change["value"]))
    elif kind == "QueryFailed":
        watch.deliver(_failure(watch.path, change["errorMessage"], change))


def _value(raw: Any) -> Any:
    # A value that we can't read fails the one who asked for it, not the connection.
    try:
        return decode(raw)
    except CloudError as error:
        return error


def _failure(path: str, text: str, message: dict[str, Any]) -> CloudError:
    data = _value(message.get("errorData"))
    return data if isinstance(data, CloudError) else function_error(path, text, data)


def read_version(raw: dict[str, Any]) -> tuple[int, int, int]:
    """Read a state version: query set, identity, ts."""
    return int(raw["querySet"]), int(raw["identity"]), read_ts(raw["ts"])


def read_ts(text: str) -> int:
    """Read a timestamp: base64 of a little-endian u64."""
    try:
        return struct.unpack("<Q", base64.b64decode(text, validate=True))[0]
    except binascii.Error as error:
        raise ProtocolBroken("a timestamp can't be read") from error


def write_ts(ts: int) -> str:
    """Write a timestamp as `read_ts` reads it."""
    return base64.b64encode(struct.pack("<Q", ts)).decode()


def _frame(message: dict[str, Any]) -> bytes:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()
