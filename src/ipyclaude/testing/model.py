"""`ScriptedModel`: the Anthropic Messages API on loopback, so that the real CLI runs on it.

Everything but the model is real. A test says what the model answers::

    with ScriptedModel(reply("Hello")) as model:
        env = model.env_for(tmp_path)          # for the CLI
        ...
        assert model.requests[0].prompt == "Hi"

It is a public server for tests and demos on this machine, bound to loopback. It runs in a thread,
or by itself: `python -m ipyclaude.testing.model --demo [--port N]` prints its address as a line
of JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from .replies import (
    Answer,
    Block,
    Cut,
    Event,
    Hang,
    HttpError,
    Item,
    Raw,
    Reply,
    Request,
    Script,
    reply,
    text,
)

#: What a made-up key looks like here; it opens nothing.
MADE_UP_KEY = "sk-ant-scripted-model-no-real-key"
_SIDE_ANSWER = "Scripted session"


class _Cut(Exception):
    """The script wants the connection to break off."""


class ScriptedModel:
    """A model that answers by a script.

    Parameters
    ----------
    script
        Answers in order: each a `Reply`, an `HttpError`, a string (a text answer) or a
        function of the `Request`. Calls past the end get `fallback`.
    fallback
        What is answered when the script is used up.
    port
        0 takes a free one.

    Notes
    -----
    The CLI's side requests (titles, warm-ups, token counts: those that offer no tools) are
    answered by themselves and recorded in `side_requests`; they use up no answer.
    """

    def __init__(
        self,
        *script: Answer | Script | str,
        fallback: Answer | Script | str = "(the script is at its end)",
        port: int = 0,
    ) -> None:
        self._script: deque[Script] = deque(_as_script(answer) for answer in script)
        self._fallback = _as_script(fallback)
        self._requests: list[Request] = []
        self._side_requests: list[Request] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._ids = itertools.count(1)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.model = self
        self._thread: threading.Thread | None = None

    @classmethod
    def demo(cls, *, port: int = 0) -> ScriptedModel:
        """Make the built-in demo model, which says plainly that it is a script, not Claude."""
        from ._demo_script import answer

        return cls(fallback=answer, port=port)

    # -- life ------------------------------------------------------------------------------

    def __enter__(self) -> ScriptedModel:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> ScriptedModel:
        """Serve from a thread of this process; return itself."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name="ipyclaude-scripted-model",
                daemon=True,
            )
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving; whatever hangs is let go."""
        self._closing.set()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that make the CLI talk to it alone (CLI 2.1.330)."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": MADE_UP_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def env_for(self, config_dir: str | Path) -> dict[str, str]:
        """Like `env`, with a folder of its own for the CLI's files."""
        return {**self.env, "CLAUDE_CONFIG_DIR": str(config_dir)}

    # -- what is asked and answered ----------------------------------------------------------

    def then(self, *script: Answer | Script | str) -> None:
        """Add answers to the end of the script."""
        with self._changed:
            self._script.extend(_as_script(answer) for answer in script)

    @property
    def requests(self) -> list[Request]:
        """The calls of the model so far, side requests left out."""
        with self._changed:
            return list(self._requests)

    @property
    def side_requests(self) -> list[Request]:
        """The CLI's own calls, such as for a title."""
        with self._changed:
            return list(self._side_requests)

    def wait_for_requests(self, n: int, timeout: float = 20) -> list[Request]:
        """Wait until there were `n` calls; `timeout` in seconds.

        Raises
        ------
        TimeoutError
            They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= n, timeout):
                raise TimeoutError(f"{len(self._requests)} of {n} requests came in {timeout} s")
            return list(self._requests)

    def answer(self, request: Request) -> Answer:
        """Record a request and take its answer from the script."""
        with self._changed:
            if _is_side(request):
                self._side_requests.append(request)
                return reply(_SIDE_ANSWER)
            self._requests.append(request)
            script = self._script.popleft() if self._script else self._fallback
            self._changed.notify_all()
        return script(request)

    def pause(self, seconds: float) -> None:
        """Wait; shorter if the server closes."""
        self._closing.wait(seconds)

    def wait(self, release: threading.Event) -> None:
        """Wait until `release` is set or the server closes."""
        while not release.wait(0.02) and not self._closing.is_set():
            pass

    def new_id(self, prefix: str) -> str:
        """Make an id as the API does."""
        return f"{prefix}_scripted{next(self._ids):06d}"


def _as_script(answer: Answer | Script | str) -> Script:
    if isinstance(answer, str):
        return _as_script(reply(text(answer)))
    if isinstance(answer, Reply | HttpError):
        return lambda _request: answer
    return answer


def _is_side(request: Request) -> bool:
    return not request.tools


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    model: ScriptedModel

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up in mid-answer (Stop, a killed CLI) is the normal case here.
        if not isinstance(sys.exc_info()[1], ConnectionError | _Cut):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small events must leave at once, not when a packet is full.
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet."""

    def do_HEAD(self) -> None:
        """Answer the CLI's check that somebody listens."""
        self._send(200, {})

    def do_GET(self) -> None:
        """Know nothing."""
        self._send(404, _error("not_found_error", "nothing here"))

    def do_POST(self) -> None:
        """Answer a call of the API."""
        length = int(self.headers.get("content-length") or 0)
        try:
            body: Any = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            self._send(400, _error("invalid_request_error", "the body is no JSON"))
            return
        path = urlsplit(self.path).path
        if path.endswith("/count_tokens"):
            self._send(200, {"input_tokens": 10})
        elif not path.endswith("/v1/messages"):
            self._send(200, {})
        else:
            self._messages(body)

    def _messages(self, body: dict[str, Any]) -> None:
        hidden = ("x-api-key", "authorization")
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in hidden}
        request = Request(body, headers)
        answer = self.server.model.answer(request)
        if isinstance(answer, HttpError):
            more = {} if answer.retry_after is None else {"retry-after": str(answer.retry_after)}
            self._send(answer.status, _error(answer.type, answer.message), more)
        elif body.get("stream"):
            self._stream(answer, request)
        else:
            self._send(200, _whole(answer, request, self.server.model))

    def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, answer: Reply, request: Request) -> None:
        model = self.server.model
        model.pause(answer.first_token_ms / 1000)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for data in _wire(answer, request, model):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except _Cut:
            self.close_connection = True  # without the last chunk: the stream broke off


def _wire(answer: Reply, request: Request, model: ScriptedModel) -> Iterator[bytes]:
    yield _sse("message_start", message=_message(request, model, answer.usage))
    index = 0
    for item in answer.items:
        if isinstance(item, Block):
            yield from _block(item, index, model)
            index += 1
        else:
            yield from _other(item, model)
    yield _sse(
        "message_delta",
        delta={"stop_reason": answer.stop, "stop_sequence": None},
        usage={"output_tokens": 20, **answer.usage},
    )
    yield _sse("message_stop")


def _block(item: Block, index: int, model: ScriptedModel) -> Iterator[bytes]:
    start = dict(item.start)
    if start.get("type") == "tool_use" and not start.get("id"):
        start["id"] = model.new_id("toolu")
    yield _sse("content_block_start", index=index, content_block=start)
    for delta in item.deltas:
        if item.delay_ms:
            model.pause(item.delay_ms / 1000)
        yield _sse("content_block_delta", index=index, delta=delta)
    yield _sse("content_block_stop", index=index)


def _other(item: Item, model: ScriptedModel) -> Iterator[bytes]:
    if isinstance(item, Event):
        yield f"event: {item.type}\ndata: {json.dumps(item.data)}\n\n".encode()
    elif isinstance(item, Raw):
        yield item.data
    elif isinstance(item, Hang):
        model.wait(item.release)
    elif isinstance(item, Cut):
        raise _Cut


def _sse(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _message(request: Request, model: ScriptedModel, usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": model.new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1, **usage},
    }


def _whole(answer: Reply, request: Request, model: ScriptedModel) -> dict[str, Any]:
    """Return an answer that is not streamed: its text blocks alone."""
    blocks = [item for item in answer.items if isinstance(item, Block)]
    texts = ["".join(str(d.get("text", "")) for d in item.deltas) for item in blocks]
    content = [{"type": "text", "text": words} for words in texts if words]
    message = _message(request, model, answer.usage)
    return {**message, "content": content, "stop_reason": "end_turn"}


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def main(arguments: list[str] | None = None) -> int:
    """Run the server by itself until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m ipyclaude.testing.model", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="the built-in demo model")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    chosen = parser.parse_args(arguments)
    model = ScriptedModel.demo(port=chosen.port) if chosen.demo else ScriptedModel(port=chosen.port)
    with model:
        sys.stdout.write(json.dumps({"url": model.url}) + "\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
