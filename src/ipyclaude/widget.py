"""What views of a session share, and the live view of one turn: traits and dispatch.

What happens goes to the page as numbered messages, coalesced to 15 a second; what the page
asks comes as requests with an id, each answered once. Handlers only hand over to the loop
thread: they may run on a kernel's subshell thread, where no user code may run.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from pydantic import ValidationError

from . import protocol as p
from . import requests as r
from . import results
from .channel import Channel, wire
from .desk import Desk
from .exceptions import IpyClaudeError, SessionNotFound
from .hands import Hands
from .journal import Redraw, Told
from .messages import Message, ResultBlock
from .session import Session

_STATIC = Path(__file__).parent / "static"
_LOADER = _STATIC / "loader.js"
#: What this bundle is called among those that a page may hold.
_BUNDLE = hashlib.sha256((_STATIC / "widget.js").read_bytes()).hexdigest()[:16]
WINDOW = 50  # messages that a view is sent when it opens


class View(anywidget.AnyWidget):
    """What both views share: a session, a channel, and the requests' dispatch."""

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"
    #: Whether a page has loaded the bundle from this kernel.
    loaded: ClassVar[bool] = False
    bundle = traitlets.Unicode(_BUNDLE).tag(sync=True)
    kind = traitlets.Unicode("chat").tag(sync=True)

    def __init__(self, desk: Desk, session: Session | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._desk = desk
        self._session: Session | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._pages: set[str] = set()
        #: The state line that the page has; None before its first snapshot.
        self._told: p.Status | None = None
        self.seen = asyncio.Event()  # set, on the loop, when the page has said hello
        widget: Any = self  # ipywidgets is not typed
        self._channel = Channel(widget.send, desk.runtime.loop)
        self.hands = Hands(self._channel.cells)
        _answer_on_the_asking_shell(widget.comm)
        widget.on_msg(self._received)
        if session is not None:
            self._bind(session)

    def _unbind(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = self._session = None

    def _bind(self, session: Session) -> None:
        self._unbind()
        self._session = session
        self._unsubscribe = session.subscribe(self._heard)

    def _heard(self, events: Sequence[Told]) -> None:
        told: list[p.Event] = [event for event in events if not isinstance(event, Redraw)]
        for event in told:
            if isinstance(event, p.StatusChanged):
                self._told = event.status
        if len(told) < len(events):
            self._snapshot()
            return
        if any(isinstance(event, p.SessionChanged) for event in told):
            told.extend(self._status_changed())
        wanted = [event for event in told if self._wants(event)]
        if wanted:
            self._channel.push(wanted)

    def _status_changed(self) -> Sequence[p.Event]:
        """Tell of what a turn changed: an approved plan ends plan mode."""
        status = self._desk.status(self._session)
        if self._told is None or status == self._told:
            return ()
        self._told = status
        return (p.StatusChanged(status=status),)

    def _wants(self, event: p.Event) -> bool:
        return True

    def _received(self, _: object, content: object, buffers: object) -> None:
        # Any thread: hand over and return.
        self._desk.runtime.submit(self._serve(content))

    async def _serve(self, content: object) -> None:
        request_id = str(content.get("id", "")) if isinstance(content, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        try:
            request = r.request_adapter.validate_python(content)
            result = await self._dispatch(request)
            reply = p.Reply(id=request_id, result=result)
        except ValidationError:
            reply = _refusal(
                request_id,
                "The kernel does not understand this request.",
                fix="Reload the page: it may hold an older version of the widget.",
            )
        except IpyClaudeError as error:
            reply = _refusal(request_id, error.what, error.why, error.fix)
        except Exception as error:
            reply = _refusal(request_id, "The request failed.", f"{type(error).__name__}: {error}")
            self._channel.reply(reply)
            raise
        self._channel.reply(reply)

    async def _dispatch(self, request: r.Request) -> Any:
        handler: Callable[[Any], Awaitable[Any]] = getattr(self, f"_on_{request.type}")
        return await handler(request)

    async def _on_hello(self, request: r.Hello) -> None:
        # A page's requests share the first part of their id.
        self._pages.add(request.id.rpartition("-")[0])
        View.loaded = True
        self.seen.set()
        self._snapshot()

    def _snapshot(self) -> None:
        self._channel.snapshot(self._make_snapshot)

    def _make_snapshot(self, n: int) -> p.Snapshot:
        session = self._session
        self._told = self._desk.status(session)
        if session is None:
            return p.Snapshot(n=n, status=self._told)
        store, session_id = self._desk.store, session.info.client_id
        page = store.messages(session_id, limit=WINDOW)
        return p.Snapshot(
            n=n,
            session=session.refresh(),
            messages=page.messages,
            more=page.more,
            todos=store.todos(session_id).todos,
            approvals=tuple(store.approvals(session_id)),
            live=session.live(),
            printed=session.printed(),
            turn=session.turn or _last_turn(session, page.messages),
            queued=self._desk.queue(session).queued,
            status=self._told,
        )

    def _current(self) -> Session:
        if self._session is None:
            raise SessionNotFound(
                "No session is open in this view.", fix="Choose one from the list, or make one."
            )
        return self._session

    async def _on_stop(self, _: r.Stop) -> None:
        await self._current().stop()

    async def _on_decide(self, request: r.Decide) -> dict[str, Any]:
        session = self._current()
        waiting = self._desk.store.approvals(session.info.client_id, pending=False)
        approval = next((a for a in waiting if a.client_id == request.approval_id), None)
        if approval is None:
            raise SessionNotFound("This question is gone.", fix="Reload the page.")
        stands = await self._desk.permissions.answer(
            approval,
            allow=request.allow,
            scope=request.scope,
            pattern=request.pattern,
            reason=request.reason,
            edited=request.input,
        )
        self._channel.push([p.ApprovalChanged(approval=stands)])
        return wire(stands)

    async def _on_rules(self, _: r.ListRules) -> dict[str, Any]:
        session_id = self._session.info.client_id if self._session else None
        return wire(results.RulesResult(rules=tuple(self._desk.store.rules(session_id))))

    async def _on_revoke(self, request: r.RevokeRule) -> dict[str, Any]:
        session_id = self._session.info.client_id if self._session else None
        for rule in self._desk.store.rules(session_id):
            if rule.client_id == request.rule_id:
                self._desk.permissions.revoke(rule)
        return wire(results.RulesResult(rules=tuple(self._desk.store.rules(session_id))))

    async def _on_older(self, request: r.Older) -> dict[str, Any]:
        session_id, limit = self._current().info.client_id, min(request.limit, 500)
        await self._desk.older(session_id, request.before, limit)
        page = self._desk.store.messages(session_id, before=request.before, limit=limit)
        return wire(results.OlderResult(messages=page.messages, more=page.more))

    async def _on_claim(self, request: r.Claim) -> bool:
        return self.hands.claim(request.change_id)

    async def _on_changed(self, request: r.Changed) -> None:
        self.hands.changed(request)

    async def _on_asset(self, request: r.Asset) -> dict[str, Any]:
        text = await asyncio.to_thread((_STATIC / request.name).read_text, encoding="utf-8")
        return wire(results.AssetResult(text=text))

    def close(self) -> None:
        """Close the comm and stop listening."""
        if not hasattr(self, "_channel"):
            return  # it was never made: there was no such session
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._channel.close()
        widget: Any = self
        widget.layout.close()  # a model of its own, that ipywidgets would keep for ever
        super().close()


class TurnView(View):
    """The live output of one `%%claude` cell."""

    def __init__(self, desk: Desk, session: Session, turn_id: str) -> None:
        # First: the turn goes on in its own thread, and is heard of as soon as it is bound.
        self._turn_id = turn_id
        self._blocks: set[int] = set()
        super().__init__(desk, session, kind="turn")

    def _wants(self, event: p.Event) -> bool:
        if isinstance(event, p.MessageSaved):
            # The prompt stands in the cell, the result in the turn.
            mine = event.message.turn_id == self._turn_id
            return mine and event.message.type not in ("user", "result")
        if isinstance(event, p.SessionChanged):
            return False
        if isinstance(event, p.BlockOpened):
            if event.live.turn_id == self._turn_id:
                self._blocks.add(event.live.k)
            return event.live.turn_id == self._turn_id
        if isinstance(event, p.Delta | p.BlockClosed):
            return event.k in self._blocks
        if isinstance(event, p.TurnChanged):
            return event.turn.turn_id == self._turn_id
        if isinstance(event, p.ApprovalChanged):
            return event.approval.turn_id == self._turn_id
        return True

    def _make_snapshot(self, n: int) -> p.Snapshot:
        whole = super()._make_snapshot(n)
        session_id = self._current().info.client_id
        mine = self._desk.store.messages(session_id, turn_id=self._turn_id, limit=1000)
        live = tuple(block for block in whole.live if block.turn_id == self._turn_id)
        self._blocks.update(block.k for block in live)
        turn = self._current().turn
        return whole.model_copy(
            update={
                "messages": mine.messages,
                "more": False,
                "live": live,
                "turn": turn if turn and turn.turn_id == self._turn_id else None,
                "approvals": tuple(a for a in whole.approvals if a.turn_id == self._turn_id),
            }
        )

    def retire(self) -> None:
        """Close for good and leave no copy of the bundle in the notebook's widget state.

        A page that was reloaded has lost the output's handle, and shows this view alone: it
        stays, with the finished turn in it.
        """
        if len(self._pages) > 1:
            return
        self._esm = ""
        self.close()


class LaterTurnView(TurnView):
    """The same where a page has the bundle already: it isn't sent again with every cell."""

    _esm = _LOADER
    _css = ""


def turn_view(desk: Desk, session: Session, turn_id: str) -> TurnView:
    """Make the live output of one cell."""
    return (LaterTurnView if View.loaded else TurnView)(desk, session, turn_id)


def _last_turn(session: Session, messages: Sequence[Message]) -> p.TurnState | None:
    """Return the turn that the stored messages end with: over, or another kernel's."""
    if not messages or not messages[-1].turn_id:
        return None
    last = messages[-1]
    result = next((b for b in last.content if isinstance(b, ResultBlock)), None)
    if result is None and not session.info.busy:
        return None
    return p.TurnState(
        turn_id=last.turn_id,
        status=result.outcome if result else "running",
        started_at=next(m.timestamp for m in messages if m.turn_id == last.turn_id),
        model=last.model,
        result=result,
    )


def _refusal(request_id: str, what: str, why: str = "", fix: str = "") -> p.Reply:
    return p.Reply(id=request_id, error=p.ErrorInfo(what=what, why=why, fix=fix))


def _answer_on_the_asking_shell(comm: Any) -> None:
    """Let clicks arrive while the cell that made this widget runs.

    ipykernel 7.4 routes a comm's messages to the shell that last sent on it, which is the
    busy one; the browser's choice (a subshell) is the right one. Absent in 7.2 and 7.3.
    """

    def route(data: object, default: Any) -> Any:
        del data
        return default

    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = route
