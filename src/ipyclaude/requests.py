"""What the page asks of the kernel: each request gets exactly one `Reply`.

A request's docstring says what it is answered with. To add one: a class here, its name in
`Request`, its answer (results.py) in `Results` (js/src/wire.ts), and a method `_on_<type>` of a
view.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, TypeAdapter

from .messages import Scope, Text
from .protocol import CellKind, Wire


class _Request(Wire):
    id: str


class Hello(_Request):
    """The view is drawn, or missed something: send a snapshot. Result: null."""

    type: Literal["hello"] = "hello"


#: The media type of an upload that is a cell of the notebook, its source and what it shows.
CELL_TYPE = "text/x-notebook-cell"


class Upload(Wire):
    """A file, an image or a cell that goes with a prompt."""

    name: Text
    media_type: str = ""
    #: Base64.
    data: str


class Prompt(_Request):
    """Ask Claude; while a turn runs, wait for its end, or `steer` it. Result: `{turn_id}`."""

    type: Literal["prompt"] = "prompt"
    text: Text
    uploads: tuple[Upload, ...] = ()
    #: While a turn runs: let Claude hear it at its next step.
    steer: bool = False


class Unqueue(_Request):
    """Take a waiting prompt back. Result: null."""

    type: Literal["unqueue"] = "unqueue"
    queued_id: str


class SendNow(_Request):
    """Stop the running turn and send this waiting prompt. Result: null."""

    type: Literal["send_now"] = "send_now"
    queued_id: str


class TellNow(_Request):
    """Put this waiting prompt into the running turn. Result: null."""

    type: Literal["tell_now"] = "tell_now"
    queued_id: str


class Suggest(_Request):
    """What may follow `/` (commands) or `@` (cells, variables, files). Result: `SuggestResult`."""

    type: Literal["suggest"] = "suggest"
    sign: Literal["/", "@"]
    query: Text = ""
    #: The page can't see the notebook's cells: offer those that ran.
    cells: bool = False


class Stop(_Request):
    """Stop the running turn. Result: null."""

    type: Literal["stop"] = "stop"


class Decide(_Request):
    """Answer an approval. Result: the approval as it now stands (somebody may have been first)."""

    type: Literal["decide"] = "decide"
    approval_id: str
    allow: bool
    scope: Scope = "once"
    pattern: Text = ""
    reason: Text = ""
    #: With `allow`: run it with this input instead.
    input: dict[str, Any] | None = None


class Older(_Request):
    """Fetch older messages. Result: `OlderResult`."""

    type: Literal["older"] = "older"
    before: str
    limit: int = 50


class Fork(_Request):
    """Go on in a copy, whole or up to message `at`. Result: null; a snapshot follows."""

    type: Literal["fork"] = "fork"
    #: Of this session; of the view's where none is given.
    session_id: str | None = None
    at: str | None = None
    name: Text = ""


class Resend(_Request):
    """Ask the prompt of a turn again, with other words if `text` is given. Result: `{turn_id}`.

    With `fork`, in a copy that ends before the prompt; its snapshot comes first.
    """

    type: Literal["resend"] = "resend"
    turn: str
    text: Text | None = None
    fork: bool = False


class Asset(_Request):
    """Fetch a part of the page that is loaded on demand. Result: `AssetResult`."""

    type: Literal["asset"] = "asset"
    name: Literal["widget.js", "widget.css", "katex.js", "katex.css", "languages.js"]


class Find(_Request):
    """Find messages of the session; an empty query lists its prompts. Result: `FindResult`."""

    type: Literal["find"] = "find"
    query: Text = ""
    limit: int = 50
    offset: int = 0


class Usage(_Request):
    """What this view's session used. Result: `UsageResult`."""

    type: Literal["usage"] = "usage"


class ListSessions(_Request):
    """Result: `SessionsResult`."""

    type: Literal["sessions"] = "sessions"
    query: Text = ""
    limit: int = 50
    offset: int = 0
    #: Also those that were put away.
    archived: bool = False


class RenameSession(_Request):
    """Give a session another name. Result: null."""

    type: Literal["rename_session"] = "rename_session"
    session_id: str
    name: Text


class ArchiveSession(_Request):
    """Put a session away, or take it out again. Result: null."""

    type: Literal["archive_session"] = "archive_session"
    session_id: str
    archived: bool


class DeleteSession(_Request):
    """Delete a session with all that belongs to it. Result: null."""

    type: Literal["delete_session"] = "delete_session"
    session_id: str


class OpenSession(_Request):
    """Show another session in this view. Result: null; a snapshot follows."""

    type: Literal["open_session"] = "open_session"
    session_id: str


class NewSession(_Request):
    """Make a session and show it. Result: null; a snapshot follows."""

    type: Literal["new_session"] = "new_session"
    name: Text = ""


class SyncSession(_Request):
    """Send this view's session, which is only here, to Convex. Result: the `Status`."""

    type: Literal["sync_session"] = "sync_session"


#: What a person can be invited as.
GuestRole = Literal["viewer", "editor"]


class Share(_Request):
    """Make a code by which one person may join a session of one's own. Result: `ShareResult`."""

    type: Literal["share"] = "share"
    session_id: str
    role: GuestRole = "viewer"


class TakeOver(_Request):
    """End the turn that somebody else runs in one's own session. Result: null."""

    type: Literal["take_over"] = "take_over"


class Configure(_Request):
    """Change model, permission mode or effort from the next turn on. Result: the `Status`."""

    type: Literal["configure"] = "configure"
    model: str | None = None
    permission_mode: str | None = None
    effort: str | None = None


class SignIn(_Request):
    """Begin to sign in. Result: null; `WhoChanged` tells what it waits for, and who it is."""

    type: Literal["sign_in"] = "sign_in"
    #: A provider's name; empty for an account, with `email` and `password`, or a `code` and a new
    #: password or none.
    way: Text = ""
    #: Keep it for all notebooks: in the keyring, else in a file of the person's.
    keep: bool = False
    email: Text = ""
    password: SecretStr = SecretStr("")
    code: SecretStr = SecretStr("")


class MailCode(_Request):
    """Have a code mailed to an address, if it has an account. Result: null; then `WhoChanged`."""

    type: Literal["mail_code"] = "mail_code"
    email: Text


class CancelSignIn(_Request):
    """Wait for the sign-in no longer. Result: null."""

    type: Literal["cancel_sign_in"] = "cancel_sign_in"


class SignOut(_Request):
    """Sign out on this machine. Result: null."""

    type: Literal["sign_out"] = "sign_out"


class ListRules(_Request):
    """Result: `RulesResult`."""

    type: Literal["rules"] = "rules"


class RevokeRule(_Request):
    """Revoke a remembered permission. Result: `RulesResult`."""

    type: Literal["revoke"] = "revoke"
    rule_id: str


class Claim(_Request):
    """May this page carry out the `CellChange`? Result: a boolean, true for one page only."""

    type: Literal["claim"] = "claim"
    change_id: str


class Changed(_Request):
    """A `CellChange` was carried out, or failed; what the cell was before. Result: null."""

    type: Literal["changed"] = "changed"
    change_id: str
    error: Text = ""
    cell_id: str = ""
    at: int = -1
    kind: CellKind = "code"
    source: Text = ""


Request = Annotated[
    Hello
    | Prompt
    | Unqueue
    | SendNow
    | TellNow
    | Suggest
    | Stop
    | Decide
    | Older
    | Fork
    | Resend
    | Find
    | Usage
    | Asset
    | ListSessions
    | RenameSession
    | ArchiveSession
    | DeleteSession
    | OpenSession
    | NewSession
    | SyncSession
    | Share
    | TakeOver
    | Configure
    | SignIn
    | MailCode
    | CancelSignIn
    | SignOut
    | ListRules
    | RevokeRule
    | Claim
    | Changed,
    Field(discriminator="type"),
]

request_adapter: TypeAdapter[Request] = TypeAdapter(Request)
