"""`ScriptedModel`: a model that answers by script, for the real Claude CLI to talk to.

A server on 127.0.0.1 that speaks the Messages API. Everything but the model is real, and
neither an account nor a network is needed::

    with ScriptedModel([Reply(text("Hello!")), error(529)]) as model:
        options = ClaudeAgentOptions(env=model.env(tmp_path / "claude"))

As a process of its own it runs the demo script and prints its address as one line of JSON::

    python -m ipyclaude.testing.model --demo --port 4711
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ._messages_api import MessagesServer
from .replies import Answer, ApiError, Json, Reply, Script, error, to_reply
from .requests import Request

#: Made up; the CLI only wants that there is one.
API_KEY = "sk-ant-scripted-model"
#: Blanked, so that a login or a cloud of the person's own is neither used nor paid for.
_OTHER_LOGINS = (
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
)


class ScriptedModel:
    """A Messages API on 127.0.0.1 that answers by script; a context manager.

    Only the calls of the main loop and of subagents take from the script and are kept in
    `requests`. What the CLI asks on the side (a title, a check of the quota) is recognised
    by its form, answered apart and kept in `side_requests`.

    Parameters
    ----------
    *script
        Replies, or one list of them, used up in order; one request takes one, and each retry
        of the CLI is a request. Any of them may be a function from the request to the reply;
        a function alone answers all requests, each in a thread of its own.
    default
        What is answered beyond the last reply. Without it that is an error (418, which the
        CLI neither retries nor rewords) that says so: no reply repeats by itself.
    port
        0 takes a free one.

    Raises
    ------
    OSError
        The port is taken.
    """

    def __init__(
        self,
        *script: Answer | Script | Sequence[Answer | Script],
        default: Answer | Script | None = None,
        port: int = 0,
    ) -> None:
        replies = _flat(script)
        if len(script) == 1 and callable(script[0]):
            default, replies = script[0], []
        self._queue: deque[Answer | Script] = deque(replies)
        self._default = default
        self._requests: list[Request] = []
        self._side_requests: list[Request] = []
        self._changed = threading.Condition()
        self._server = MessagesServer(port, self._answer)

    @classmethod
    def demo(cls, *, port: int = 0) -> ScriptedModel:
        """Make one that answers any prompt, for a tour of the product without Claude."""
        from .demo import answer

        return cls(default=answer, port=port)

    # -- its life ------------------------------------------------------------------------------

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop at once, answers under way included; may be called again."""
        self._server.close()

    @property
    def url(self) -> str:
        """Where it is, as `http://127.0.0.1:PORT`."""
        return self._server.url

    def env(self, config_dir: Path) -> dict[str, str]:
        """Return the environment in which a Claude CLI talks to this model alone.

        `config_dir` takes the CLI's own files. Pass it as `ClaudeAgentOptions.env`.
        """
        no_proxy = [os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
        return {
            **dict.fromkeys(_OTHER_LOGINS, ""),
            "ANTHROPIC_API_KEY": API_KEY,
            "ANTHROPIC_BASE_URL": self.url,
            "CLAUDE_CONFIG_DIR": str(config_dir),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "NO_PROXY": ",".join(filter(None, no_proxy)),
        }

    # -- the script ----------------------------------------------------------------------------

    def script(self, *replies: Answer | Script) -> None:
        """Add replies to the end of the script."""
        with self._changed:
            self._queue.extend(replies)

    @property
    def left(self) -> int:
        """How many replies have not been used."""
        with self._changed:
            return len(self._queue)

    @property
    def requests(self) -> list[Request]:
        """The bodies of the main loop's and subagents' requests so far, retries included."""
        with self._changed:
            return list(self._requests)

    @property
    def side_requests(self) -> list[Request]:
        """The bodies of what the CLI asked on the side."""
        with self._changed:
            return list(self._side_requests)

    def wait_for_requests(self, n: int, timeout: float = 10.0) -> list[Request]:
        """Wait until there are `n` requests or more, and return them.

        Raises
        ------
        TimeoutError
            There are fewer after `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= n, timeout):
                raise TimeoutError(f"{len(self._requests)} of {n} requests after {timeout} s")
            return list(self._requests)

    def _answer(self, request: Request) -> Reply | ApiError:
        if is_side_request(request):
            with self._changed:
                self._side_requests.append(request)
            return side_reply(request)
        with self._changed:
            self._requests.append(request)
            number = len(self._requests)
            answer = self._queue.popleft() if self._queue else self._default
            self._changed.notify_all()
        if answer is None:
            return error(418, message=f"ScriptedModel: there is no reply to request {number}.")
        return to_reply(answer(request) if callable(answer) else answer)


def _flat(script: Sequence[Answer | Script | Sequence[Answer | Script]]) -> list[Answer | Script]:
    """Return the replies of the arguments; a tuple is an item, as `server_tool` makes it."""
    found: list[Answer | Script] = []
    for part in script:
        if isinstance(part, list):
            found.extend(cast("list[Answer | Script]", part))
        else:
            found.append(cast("Answer | Script", part))
    return found


def is_side_request(request: Json) -> bool:
    """Tell if the CLI asks this on the side of the conversation.

    Seen of CLI 2.1.330: checks have `max_tokens` 1; titles and summaries have no tools and no
    `context_management`, which the main loop sends even where it has no tools.
    """
    if request.get("max_tokens", 0) <= 1:
        return True
    return not request.get("tools") and "context_management" not in request


def side_reply(request: Json) -> Reply:
    """Return an answer that suits what is asked on the side: text, or JSON by the schema."""
    output: Json = request.get("output_config") or {}
    form: Json = output.get("format") or {}
    schema: Json = form.get("schema") or {}
    if schema:
        return Reply(json.dumps(_example(schema)))
    return Reply("ok" if request.get("max_tokens", 0) <= 1 else "Scripted session")


def _example(schema: Json) -> Any:
    """Return the plainest value that fits a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _example(part) for name, part in schema.get("properties", {}).items()}
    plain: dict[Any, Any] = {"boolean": False, "integer": 0, "number": 0, "array": [], "null": None}
    return plain.get(kind, "Scripted session")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a model until it is killed or standard input ends; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ipyclaude.testing.model")
    parser.add_argument("--demo", action="store_true", required=True, help="answer any prompt")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    arguments = parser.parse_args(argv)
    with ScriptedModel.demo(port=arguments.port) as model:
        sys.stdout.write(json.dumps({"url": model.url}) + "\n")
        sys.stdout.flush()
        try:
            while sys.stdin.read(4096):
                pass
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
