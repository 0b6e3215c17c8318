"""What the page asks of the kernel: each request gets exactly one `Reply`.

A request's docstring says what it is answered with. To add one: a class here, its name in
`Request`, its answer in `Results` (js/src/wire.ts), and a method `_on_<type>` of a view.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .messages import Message, Rule, Scope, SessionInfo, Text
from .protocol import Wire


class _Request(Wire):
    id: str


class Hello(_Request):
    """The view is drawn, or missed something: send a snapshot. Result: null."""

    type: Literal["hello"] = "hello"


class Prompt(_Request):
    """Ask Claude. Result: `{turn_id}`."""

    type: Literal["prompt"] = "prompt"
    text: Text


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


class Older(_Request):
    """Fetch older messages. Result: `OlderResult`."""

    type: Literal["older"] = "older"
    before: str
    limit: int = 50


class OlderResult(Wire):
    """Messages, oldest first; `more` says that there are older ones still."""

    messages: tuple[Message, ...]
    more: bool


class Fork(_Request):
    """Go on in a copy, whole or up to message `at`. Result: null; a snapshot follows."""

    type: Literal["fork"] = "fork"
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
    name: Literal["katex.js", "katex.css", "languages.js"]


class AssetResult(Wire):
    """A module or a style sheet, as it is in the wheel."""

    text: str


class Find(_Request):
    """Find messages of the session; an empty query lists its prompts. Result: `FindResult`."""

    type: Literal["find"] = "find"
    query: Text = ""
    limit: int = 50


class Found(Wire):
    """A message that was found: where it is, and the words around what was sought."""

    id: str
    type: str
    timestamp: float
    snippet: Text


class FindResult(Wire):
    """Newest first."""

    found: tuple[Found, ...]


class ListSessions(_Request):
    """Result: `SessionsResult`."""

    type: Literal["sessions"] = "sessions"
    query: Text = ""
    limit: int = 50
    offset: int = 0


class SessionsResult(Wire):
    """Sessions, most recently active first; `current` is this view's."""

    sessions: tuple[SessionInfo, ...]
    current: str | None = None


class OpenSession(_Request):
    """Show another session in this view. Result: null; a snapshot follows."""

    type: Literal["open_session"] = "open_session"
    session_id: str


class NewSession(_Request):
    """Make a session and show it. Result: null; a snapshot follows."""

    type: Literal["new_session"] = "new_session"
    name: Text = ""


class Configure(_Request):
    """Change model or permission mode from the next turn on. Result: the `Status`."""

    type: Literal["configure"] = "configure"
    model: str | None = None
    permission_mode: str | None = None


class RulesResult(Wire):
    """Permission rules in force here."""

    rules: tuple[Rule, ...]


class ListRules(_Request):
    """Result: `RulesResult`."""

    type: Literal["rules"] = "rules"


class RevokeRule(_Request):
    """Revoke a remembered permission. Result: `RulesResult`."""

    type: Literal["revoke"] = "revoke"
    rule_id: str


Request = Annotated[
    Hello
    | Prompt
    | Stop
    | Decide
    | Older
    | Fork
    | Resend
    | Find
    | Asset
    | ListSessions
    | OpenSession
    | NewSession
    | Configure
    | ListRules
    | RevokeRule,
    Field(discriminator="type"),
]

request_adapter: TypeAdapter[Request] = TypeAdapter(Request)
