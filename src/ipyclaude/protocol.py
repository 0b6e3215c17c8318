"""What the kernel says to the page over the comm.

`js/src/protocol.ts` is generated from this file and requests.py (`scripts/protocol`). The
kernel sends `ToPage` messages numbered by `n`, so that the page sees a gap and asks for a new
snapshot; the page sends `Request`s, each of which gets exactly one `Reply`.

A streamed answer costs little more than its own bytes: a block is announced once
(`BlockOpened`), grows by `Delta`s that name it by the small number `k`, and is closed by
`BlockClosed`, which carries the final block only where it differs from what was streamed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .messages import (
    Approval,
    ContentBlock,
    Message,
    ResultBlock,
    SessionInfo,
    Text,
    Todo,
)


class Wire(BaseModel):
    """What goes over the comm: frozen, and nothing in it that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LiveBlock(Wire):
    """A block that is still growing. `id` will be its message's `client_id`."""

    k: int
    id: str
    turn_id: str
    block: ContentBlock
    parent_tool_use_id: str | None = None


class TurnState(Wire):
    """A turn, running or over. Times are epoch ms."""

    turn_id: str
    status: Literal["running", "waiting", "done", "stopped", "failed"]
    started_at: float
    #: The prompt's first line, shortened.
    prompt: Text = ""
    model: str | None = None
    result: ResultBlock | None = None
    #: True where the answer shown is the stored one of an earlier run.
    stored: bool = False


class Person(Wire):
    """Somebody who has the session open elsewhere; `me` is one's own other server."""

    name: Text
    label: Text
    watching: bool
    me: bool


class Holder(Wire):
    """Who writes in the session elsewhere, and since when (epoch ms); `mine`: one's own server."""

    name: Text
    label: Text
    since: float
    mine: bool


class Status(Wire):
    """The state line: how saving goes, and what the session runs with."""

    #: `local`: kept on this machine only; the others come with a replica (`Standing`).
    sync: Literal["local", "synced", "sending", "waiting", "offline", "signed_out", "refused"] = (
        "local"
    )
    waiting: int = 0
    detail: Text = ""
    #: Why the running turn goes on without the other servers' leave; empty if it has it.
    alone: Text = ""
    #: The session is only here, and could be sent (`SyncSession`).
    can_sync: bool = False
    #: What the next turn runs with; what the last one did is in `SessionInfo`.
    model: str | None = None
    permission_mode: str = "default"
    effort: str | None = None
    #: Plainly said on screen where a script answers instead of Claude.
    demo: bool = False
    server: str = ""
    people: tuple[Person, ...] = ()
    holder: Holder | None = None
    #: The session is one's own, and somebody else writes in it (`TakeOver`).
    may_take_over: bool = False


class Queued(Wire):
    """A prompt that waits for the running turn to end."""

    id: str
    text: Text
    #: Not sent by itself, since the turn before it was stopped or failed.
    held: bool = False
    #: Put into the running turn: Claude hears it at its next step.
    telling: bool = False


class ErrorInfo(Wire):
    """An error for a person."""

    what: Text
    why: Text = ""
    fix: Text = ""


class SignInPrompt(Wire):
    """What a person is to do to sign in: open `url`, and compare or type the `code`."""

    url: str
    #: The address to type on another machine; empty where only `url` leads there.
    shown: str = ""
    code: str = ""


class Who(Wire):
    """Who is signed in to Convex, or how one can be."""

    #: `none`: there is no Convex to sign in to, or it isn't known yet.
    state: Literal["none", "out", "waiting", "in"] = "none"
    name: Text = ""
    #: In words, where the sign-in comes from.
    by: Text = ""
    #: It can be ended from here.
    can_leave: bool = False
    #: How many sessions were made before, and are on this machine only.
    only_here: int = 0
    #: The providers that one can sign in with.
    ways: tuple[Text, ...] = ()
    #: One can sign in with e-mail and password, or a code.
    accounts: bool = False
    #: A code can be mailed; the address where one went.
    mail: bool = False
    mailed: Text = ""
    #: What a sign-in that was begun waits for.
    prompt: SignInPrompt | None = None
    #: Why the last one came to nothing.
    error: ErrorInfo | None = None


class Printed(Wire):
    """The end of what the command of a running tool call has printed so far; kept nowhere."""

    type: Literal["printed"] = "printed"
    tool_use_id: str
    text: Text


# ---- kernel -> page --------------------------------------------------------------------


class Snapshot(Wire):
    """All that a view needs to draw itself: the window of the last messages, and what lives."""

    type: Literal["snapshot"] = "snapshot"
    n: int
    session: SessionInfo | None = None
    messages: tuple[Message, ...] = ()
    #: Older messages exist before the first one (ask by `Older`).
    more: bool = False
    todos: tuple[Todo, ...] = ()
    approvals: tuple[Approval, ...] = ()
    live: tuple[LiveBlock, ...] = ()
    printed: tuple[Printed, ...] = ()
    turn: TurnState | None = None
    queued: tuple[Queued, ...] = ()
    status: Status = Status()
    who: Who = Who()


class MessageSaved(Wire):
    """A whole message is on disk (S1); shown now, or replaces the one of the same id."""

    type: Literal["message"] = "message"
    message: Message


class BlockOpened(Wire):
    """A block begins to grow."""

    type: Literal["open"] = "open"
    live: LiveBlock


class Delta(Wire):
    """More text `s` at the end of live block `k` (text or thinking)."""

    type: Literal["d"] = "d"
    k: int
    s: Text


class BlockClosed(Wire):
    """Live block `k` is a message on disk now; `block` where it isn't what was streamed.

    `drop` says that nothing was kept of it (an empty block).
    """

    type: Literal["close"] = "close"
    k: int
    block: ContentBlock | None = None
    drop: bool = False


class TodosReplaced(Wire):
    """The whole to-do list as it now stands."""

    type: Literal["todos"] = "todos"
    todos: tuple[Todo, ...]


class ApprovalChanged(Wire):
    """An approval was asked for, answered or cancelled."""

    type: Literal["approval"] = "approval"
    approval: Approval


class TurnChanged(Wire):
    """A turn began, waits, goes on or is over."""

    type: Literal["turn"] = "turn"
    turn: TurnState


class SessionChanged(Wire):
    """The session's own row changed (name, phase, cost)."""

    type: Literal["session"] = "session"
    session: SessionInfo


class QueueChanged(Wire):
    """The prompts that wait, as they now stand."""

    type: Literal["queue"] = "queue"
    queued: tuple[Queued, ...]


class StatusChanged(Wire):
    """The state line changed."""

    type: Literal["status"] = "status"
    status: Status


class WhoChanged(Wire):
    """Somebody signs in, is signed in or out."""

    type: Literal["who"] = "who"
    who: Who


Event = Annotated[
    MessageSaved
    | BlockOpened
    | Delta
    | BlockClosed
    | Printed
    | TodosReplaced
    | ApprovalChanged
    | TurnChanged
    | SessionChanged
    | QueueChanged
    | StatusChanged
    | WhoChanged,
    Field(discriminator="type"),
]


class Events(Wire):
    """What happened since the last message, in order; at most about 30 of these a second."""

    type: Literal["events"] = "events"
    n: int
    events: tuple[Event, ...]


class Grew(Wire):
    """The commonest message, made small: it stands for `Events` with one `Delta`."""

    type: Literal["d"] = "d"
    n: int
    k: int
    s: Text


class Reply(Wire):
    """The one reply to the request with this `id`: a result or an error."""

    type: Literal["reply"] = "reply"
    id: str
    result: Any = None
    error: ErrorInfo | None = None


CellKind = Literal["code", "markdown"]


class CellChange(Wire):
    """Do this to the notebook's cells, if the kernel grants the page's `Claim`.

    `cell_id` is the cell that is meant, or under which a new one goes; `at` is the place of a
    new one, which then has the id `new_id`.
    """

    type: Literal["cells"] = "cells"
    id: str
    op: Literal["insert", "edit", "delete", "run"]
    cell_id: str = ""
    new_id: str = ""
    at: int | None = None
    kind: CellKind = "code"
    source: Text = ""


ToPage = Annotated[Snapshot | Events | Grew | CellChange | Reply, Field(discriminator="type")]
