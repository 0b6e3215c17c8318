"""The HTTP side of `ScriptedModel`: the Messages API, streamed in chunks as it comes."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .replies import ApiError, Cut, Hold, Json, Pause, Reply, Send, SendRaw, Step, error, new_id
from .requests import Request

#: Seconds between two looks for whether a held answer's client is still there.
_LOOK = 0.1


class _ClientGone(Exception):
    """The client hung up, or the server is closing."""


class MessagesServer:
    """Serves `/v1/messages` on 127.0.0.1 in threads, with what `answer` returns for a body."""

    def __init__(self, port: int, answer: Callable[[Request], Reply | ApiError]) -> None:
        self.answer = answer
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="ScriptedModel",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        """Stop listening and hang up on everyone."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # it was closed already
                    connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()

    def keep(self, connection: socket.socket) -> None:
        """Note a connection that `close` is to end."""
        with self._lock:
            self._connections.add(connection)

    def drop(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: MessagesServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.server.owner.keep(self.connection)

    def handle(self) -> None:
        # A client that hangs up in the middle is what a person who stops does.
        with contextlib.suppress(ConnectionError, _ClientGone):
            super().handle()

    def finish(self) -> None:
        self.server.owner.drop(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep quiet: the requests are in `ScriptedModel.requests`."""

    def do_HEAD(self) -> None:
        self._json(200, None)

    def do_GET(self) -> None:
        self._fail(error(404, message=f"ScriptedModel has no {self.path}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        try:
            request: Any = json.loads(body)
        except ValueError:
            self._fail(error(400, message="The request is no JSON."))
            return
        if path.endswith("/v1/messages/count_tokens"):
            self._json(200, {"input_tokens": len(body) // 4})
        elif path.endswith("/v1/messages"):
            hidden = ("x-api-key", "authorization")
            headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in hidden}
            self._message(Request(request, headers))
        else:
            self._fail(error(404, message=f"ScriptedModel has no {self.path}"))

    def _message(self, request: Request) -> None:
        try:
            reply = self.server.owner.answer(request)
        except Exception as problem:  # noqa: BLE001 - a script's bug shows where its answer would
            said = f"The script raised {type(problem).__name__}: {problem}"
            reply = error(400, message=said)
        if isinstance(reply, ApiError):
            self._fail(reply)
        elif request.get("stream"):
            self._stream(reply, request.model)
        else:
            self._whole(reply, request.model)

    def _fail(self, problem: ApiError) -> None:
        self._json(problem.status, problem.body(), problem.headers)

    def _json(
        self, status: int, body: Json | None, headers: Mapping[str, str] | None = None
    ) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.send_header("request-id", new_id("req"))
        self.end_headers()
        self.wfile.write(data)

    # -- an answer -----------------------------------------------------------------------------

    def _whole(self, reply: Reply, model: str) -> None:
        """Answer in one piece, after all the waits that a stream would have."""
        for step in reply.steps(model):
            if isinstance(step, Cut):
                self._hang_up()
                return
            if isinstance(step, Pause | Hold):
                self._wait(step)
        self._json(200, reply.whole(model))

    def _stream(self, reply: Reply, model: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("cache-control", "no-cache")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", new_id("req"))
        self.end_headers()
        for step in reply.steps(model):
            if isinstance(step, Cut):
                self._hang_up()
                return
            self._do(step)
        self.wfile.write(b"0\r\n\r\n")

    def _do(self, step: Step) -> None:
        if isinstance(step, Send):
            self._chunk(f"event: {step.event['type']}\ndata: {json.dumps(step.event)}\n\n")
        elif isinstance(step, SendRaw):
            self._chunk(step.sse)
        elif isinstance(step, Pause | Hold):
            self._wait(step)

    def _chunk(self, sse: str) -> None:
        data = sse.encode("utf-8", "surrogatepass")
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _wait(self, step: Pause | Hold) -> None:
        if isinstance(step, Pause):
            if step.seconds and self.server.owner.closing.wait(step.seconds):
                raise _ClientGone
            return
        while not step.event.wait(_LOOK):
            if self.server.owner.closing.is_set() or self._is_gone():
                raise _ClientGone

    def _is_gone(self) -> bool:
        """Tell if the client hung up: nothing to read but the end."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
