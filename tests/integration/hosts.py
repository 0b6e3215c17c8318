"""Kernels as a notebook sees them: each cell's outputs as they would be saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernels import PATIENCE, Kernel


@dataclass
class Shown:
    """What one cell gave: its outputs as a notebook would keep them."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])
    error: str = ""
    traceback: str = ""

    def mime(self, kind: str) -> str:
        """Return what the outputs hold of a mime type, joined."""
        return "\n".join(str(o["data"][kind]) for o in self.outputs if kind in o["data"])

    @property
    def text(self) -> str:
        """Return all outputs as plain text, and the error's."""
        return f"{self.mime('text/plain')}\n{self.traceback}"

    @property
    def html(self) -> str:
        """Return all HTML of the outputs."""
        return self.mime("text/html")


class Notebook:
    """Runs cells of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        #: All that a front end was told, for tests that search it.
        self.heard: list[dict[str, Any]] = []
        kernel.listen(self.heard.append)

    def run(
        self, code: str, *, answers: Sequence[str] | None = None, cell: str | None = None
    ) -> Shown:
        """Run a cell to its end; `answers` are typed at `input()`, None is nobody there."""
        return self.collect(self.send(code, stdin=answers is not None, cell=cell), answers or ())

    def send(self, code: str, *, stdin: bool = False, cell: str | None = None) -> str:
        """Run a cell without waiting; `cell` is its id. Return the message's id."""
        content: dict[str, Any] = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": stdin, "stop_on_error": True,
        }  # fmt: skip
        client: Any = self.kernel.client
        message = client.session.msg("execute_request", content)
        message["metadata"] = {} if cell is None else {"cellId": cell}
        client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def collect(
        self,
        sent: str,
        answers: Sequence[str] = (),
        *,
        until: Callable[[Shown], bool] = lambda _: False,
    ) -> Shown:
        """Wait until a cell ends, or until `until` says so."""
        shown, left = Shown(), list(answers)
        displays: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE
        while shown.status == "" and not until(shown):
            assert time.monotonic() < deadline, f"the cell has not ended: {shown}"
            self._type(shown, left)
            message = self.kernel.next()
            if message is not None and message["parent_header"].get("msg_id") == sent:
                _take(message, shown, displays)
        return shown

    def _type(self, shown: Shown, left: list[str]) -> None:
        client: Any = self.kernel.client
        if client.stdin_channel.msg_ready():
            request = client.get_stdin_msg(timeout=PATIENCE)
            shown.asked.append(str(request["content"]["prompt"]))
            client.input(left.pop(0))

    def value(self, expression: str) -> Any:
        """Return an expression's value, of a kind that `repr` tells."""
        return self.kernel.value(expression)


def _take(message: dict[str, Any], shown: Shown, displays: dict[str, dict[str, Any]]) -> None:
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        shown.outputs.append({"output_type": kind, "data": {"text/plain": content["text"]}})
    elif kind in ("display_data", "execute_result"):
        output = {"output_type": kind, "data": content["data"]}
        shown.outputs.append(output)
        displays[content.get("transient", {}).get("display_id", "")] = output
    elif kind == "update_display_data":
        known = displays.get(content["transient"]["display_id"], {})
        known["data"] = content["data"]
    elif kind == "error":
        shown.error = content["ename"]
        shown.traceback = "\n".join(content["traceback"])
    elif kind == "status" and content["execution_state"] == "idle":
        shown.status = "error" if shown.error else "ok"
