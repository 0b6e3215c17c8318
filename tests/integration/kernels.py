"""A real kernel as a page sees it: cells, widgets, `input()`; and its ends, good and bad."""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from pydantic import TypeAdapter

from ipyclaude import protocol as p
from ipyclaude.fold import text_of, with_text
from ipyclaude.messages import Approval, Message, SessionInfo, Todo, new_id
from ipyclaude.testing import ScriptedModel

#: Seconds; only a hang reaches it.
PATIENCE = 120.0
_LOOK = 0.1
_to_page: TypeAdapter[p.ToPage] = TypeAdapter(p.ToPage)

#: What is typed at `input()`, or what then says it.
Answer = str | Callable[[], str]


@dataclass(frozen=True)
class Place:
    """A home, a Claude folder, a data folder and a working folder, all of its own."""

    root: Path
    work_name: str = "work"

    @property
    def home(self) -> Path:
        return self.made("home")

    @property
    def work(self) -> Path:
        return self.made(self.work_name)

    @property
    def data(self) -> Path:
        return self.made("data")

    @property
    def store_file(self) -> Path:
        return self.data / "ipyclaude.sqlite3"

    def made(self, name: str) -> Path:
        """Return a folder in it, made where missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def env(self, model: ScriptedModel, **more: str) -> dict[str, str]:
        """Return the whole environment of a kernel that lives here."""
        return {
            **os.environ,
            **model.env(self.made("claude")),
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.made("ipython")),
            "IPYCLAUDE_DATA_DIR": str(self.data),
            # TodoWrite, at hand from the first request on.
            "CLAUDE_CODE_ENABLE_TASKS": "0",
            "ENABLE_TOOL_SEARCH": "0",
            **more,
        }


@dataclass
class Ran:
    """What a cell gave."""

    status: str = "ok"
    text: str = ""
    asked: list[str] = field(default_factory=list[str])


class Kernel:
    """A kernel in a process of its own."""

    def __init__(
        self, place: Place, env: dict[str, str], python: str | Path = sys.executable
    ) -> None:
        self.place, self.env = place, env
        self._manager: Any = KernelManager(kernel_name="python3")
        # Whatever kernel specs are installed here, ours is this very Python, or that one.
        self._manager.kernel_spec.argv = [
            str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}",
        ]  # fmt: skip
        self._manager.start_kernel(cwd=str(place.work), env=env)
        self.pid = int(self._manager.provisioner.pid)
        self.client: BlockingKernelClient = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        #: Where a page's messages go; the main shell if empty, which a running cell holds.
        self.subshell = ""
        self._unread: list[Callable[[dict[str, Any]], None]] = []
        self.opened: list[tuple[str, dict[str, Any]]] = []

    # -- cells ---------------------------------------------------------------------------------

    def run(self, code: str, *, answers: Sequence[Answer] | None = None, bad: bool = False) -> Ran:
        """Run a cell to its end; `answers` are typed at `input()`, `bad` says that it fails."""
        return self.collect(self.send(code, stdin=answers is not None), answers or (), bad=bad)

    def send(self, code: str, *, stdin: bool = False) -> str:
        """Run a cell without waiting; return the message's id."""
        client: Any = self.client
        return str(client.execute(code, allow_stdin=stdin))

    def collect(self, sent: str, answers: Sequence[Answer] = (), *, bad: bool = False) -> Ran:
        """Wait for a cell to end."""
        ran, left = Ran(), list(answers)
        done = False
        deadline = time.monotonic() + PATIENCE
        while not done:
            assert time.monotonic() < deadline, f"the cell has not ended: {ran}"
            self._type(ran, left)
            message = self.next()
            if message is not None and message["parent_header"].get("msg_id") == sent:
                done = _take(message, ran)
        assert (ran.status == "error") is bad, ran.text
        return ran

    def value(self, expression: str) -> Any:
        """Return an expression's value, of a kind that `repr` tells."""
        from ast import literal_eval

        return literal_eval(self.run(f"print(repr({expression}))").text.strip())

    def _type(self, ran: Ran, left: list[Answer]) -> None:
        client: Any = self.client
        if client.stdin_channel.msg_ready():
            request = client.get_stdin_msg(timeout=PATIENCE)
            ran.asked.append(str(request["content"]["prompt"]))
            answer = left.pop(0)
            client.input(answer if isinstance(answer, str) else answer())

    # -- what it says --------------------------------------------------------------------------

    def next(self) -> dict[str, Any] | None:
        """Return the next thing the kernel says, None if it says nothing for a moment."""
        try:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=_LOOK)
        except queue.Empty:
            return None
        if message["msg_type"] == "comm_open":
            content = message["content"]
            self.opened.append((content["comm_id"], content["data"].get("state", {})))
        for listener in list(self._unread):
            listener(message)
        return message

    def until(self, so: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Listen until `so()`."""
        deadline = time.monotonic() + patience
        while not so():
            assert time.monotonic() < deadline, "it has not happened"
            self.next()

    def drain(self) -> None:
        """Hear what a kernel that is dead had still said."""
        while self.next() is not None:
            pass

    def chat(self, session: str = "") -> Page:
        """Make a chat widget and greet it as a page does."""
        self.run(f"%claude_session chat {session}".strip())
        comm_id = next(c for c, state in reversed(self.opened) if state.get("kind") == "chat")
        page = Page(self, comm_id)
        page.ask("hello")
        return page

    def turn(self) -> Page:
        """Wait for the view of the cell that runs, and greet it as a page does."""
        before = len(self.opened)

        def views() -> list[str]:
            return [c for c, state in self.opened[before:] if state.get("kind") == "turn"]

        self.until(lambda: bool(views()))
        page = Page(self, views()[0])
        page.ask("hello")
        return page

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Call `listener` with all that the kernel says from now on, as it is read."""
        self._unread.append(listener)

    def comm_message(self, comm_id: str, content: dict[str, Any]) -> None:
        """Send what a widget's page sends."""
        client: Any = self.client
        data = {"method": "custom", "content": content}
        message = client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        client.shell_channel.send(message)

    def open_subshell(self) -> None:
        """Send what pages send to a subshell from now on, as JupyterLab does."""
        client: Any = self.client
        client.control_channel.send(client.session.msg("create_subshell_request"))
        reply = client.get_control_msg(timeout=PATIENCE)
        self.subshell = str(reply["content"]["subshell_id"])

    # -- its end -------------------------------------------------------------------------------

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def kill(self) -> None:
        """End it with SIGKILL, from any thread."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def alive(self) -> bool:
        return bool(self._manager.is_alive())

    def close(self) -> None:
        """End it as a server does: asked first, killed if it doesn't listen."""
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=not self.alive)


class Page:
    """What a page shows of one chat widget, folded from what the kernel sends it."""

    def __init__(self, kernel: Kernel, comm_id: str) -> None:
        self.kernel, self.comm_id = kernel, comm_id
        self.session: SessionInfo | None = None
        #: Shown as finished, by id, in order.
        self.finished: dict[str, Message | None] = {}
        self.texts: dict[str, str] = {}
        self.live: dict[int, p.LiveBlock] = {}
        self.approvals: dict[str, Approval] = {}
        self.todos: tuple[Todo, ...] = ()
        self.turn: p.TurnState | None = None
        self.events: list[p.Event] = []
        #: When each piece of text came: monotonic seconds, the block's id, its length then.
        self.grown: list[tuple[float, str, int]] = []
        #: What is to be done to the notebook's cells.
        self.changes: list[p.CellChange] = []
        self.heard = 0
        #: Older messages exist than those that the page was sent.
        self.more = False
        self._replies: dict[str, p.Reply] = {}
        kernel.listen(self._message)

    def send(self, kind: str, **fields: Any) -> str:
        """Send a request; return its id."""
        request_id = new_id()
        self.kernel.comm_message(self.comm_id, {"id": request_id, "type": kind, **fields})
        return request_id

    def reply(self, request_id: str) -> p.Reply:
        """Wait for the reply to a request."""
        self.kernel.until(lambda: request_id in self._replies)
        return self._replies[request_id]

    def ask(self, kind: str, **fields: Any) -> Any:
        """Send a request that works; return its result."""
        reply = self.reply(self.send(kind, **fields))
        assert reply.error is None, reply.error
        return reply.result

    def prompt(self, text: str) -> str:
        """Ask Claude; return the turn's id."""
        return str(self.ask("prompt", text=text)["turn_id"])

    def ended(self, turn_id: str) -> p.TurnState:
        """Wait until a turn is over."""
        over = ("done", "stopped", "failed")

        def is_over() -> bool:
            return self.turn is not None and (self.turn.turn_id, self.turn.status in over) == (
                turn_id,
                True,
            )

        self.kernel.until(is_over)
        assert self.turn is not None
        return self.turn

    def scroll_up(self) -> None:
        """Fetch all that is older than what the page was sent at first."""
        while self.more:
            found = self.ask("older", before=next(iter(self.finished)), limit=500)
            older = [Message.model_validate(m) for m in found["messages"]]
            self.finished = {**{m.client_id: m for m in older}, **self.finished}
            self.texts = {**{m.client_id: shown(m) for m in older}, **self.texts}
            self.more = found["more"]

    @property
    def waiting(self) -> list[Approval]:
        """The questions that nobody has answered."""
        return [a for a in self.approvals.values() if a.status == "pending"]

    @property
    def notices(self) -> list[str]:
        """What the notices on the page say."""
        blocks = [b for m in self.finished.values() if m for b in m.content]
        return [str(getattr(b, "what", "")) for b in blocks if b.type == "notice"]

    # -- the fold ------------------------------------------------------------------------------

    def _message(self, message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] != "comm_msg" or content.get("comm_id") != self.comm_id:
            return
        if content["data"].get("method") != "custom":
            return
        told = _to_page.validate_python(content["data"]["content"])
        self.heard += 1
        if isinstance(told, p.Reply):
            self._replies[told.id] = told
        elif isinstance(told, p.Snapshot):
            self._redraw(told)
        elif isinstance(told, p.CellChange):
            self.changes.append(told)
        else:
            small = isinstance(told, p.Grew)
            events = (p.Delta(k=told.k, s=told.s),) if small else told.events
            for event in events:
                self.events.append(event)
                self._fold(event)

    def _redraw(self, told: p.Snapshot) -> None:
        self.session, self.todos, self.turn = told.session, told.todos, told.turn
        self.more = told.more
        self.finished = {m.client_id: m for m in told.messages}
        self.texts = {m.client_id: shown(m) for m in told.messages}
        self.live = {block.k: block for block in told.live}
        self.approvals = {a.client_id: a for a in told.approvals}

    def _fold(self, event: p.Event) -> None:
        if isinstance(event, p.MessageSaved):
            self.finished[event.message.client_id] = event.message
            self.texts[event.message.client_id] = shown(event.message)
        elif isinstance(event, p.BlockOpened):
            self.live[event.live.k] = event.live
        elif isinstance(event, p.Delta):
            self._grow(event)
        elif isinstance(event, p.BlockClosed):
            block = self.live.pop(event.k)
            if not event.drop:
                self.finished[block.id] = None
                self.texts[block.id] = text_of(event.block or block.block) or ""
        elif isinstance(event, p.ApprovalChanged):
            self.approvals[event.approval.client_id] = event.approval
        elif isinstance(event, p.TodosReplaced):
            self.todos = event.todos
        elif isinstance(event, p.TurnChanged):
            self.turn = event.turn
        elif isinstance(event, p.SessionChanged):
            self.session = event.session

    def _grow(self, event: p.Delta) -> None:
        known = self.live[event.k]
        text = (text_of(known.block) or "") + event.s
        grown = known.model_copy(update={"block": with_text(known.block, text)})
        self.live[event.k] = grown
        self.grown.append((time.monotonic(), known.id, len(text)))


def shown(message: Message) -> str:
    """Return the text of a message's blocks that stream."""
    return "".join(text_of(block) or "" for block in message.content)


def said(request: dict[str, Any]) -> str:
    """Return all text of the messages in a request to the model."""
    parts: list[str] = []
    for message in request["messages"]:
        content = message["content"]
        blocks = [{"text": content}] if isinstance(content, str) else content
        parts.extend(str(b.get("text") or b.get("content") or b.get("input", "")) for b in blocks)
    return "\n".join(parts)


def _take(message: dict[str, Any], ran: Ran) -> bool:
    """Add what a message shows; True if the cell is over."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        ran.text += content["text"]
    elif kind in ("display_data", "execute_result", "update_display_data"):
        ran.text += str(content["data"].get("text/plain", "")) + "\n"
    elif kind == "error":
        ran.status = "error"
        ran.text += "\n".join([content["ename"], *content["traceback"]])
    return kind == "status" and content["execution_state"] == "idle"
