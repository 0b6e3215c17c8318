"""What the page is answered with: the results of its requests that hold more than a row."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .messages import Message, Rule, SessionInfo, Text
from .protocol import Wire


class Suggestion(Wire):
    """Something that may be written: `insert` is the text that it becomes."""

    kind: Literal["command", "cell", "file", "variable"]
    insert: Text
    label: Text
    detail: Text = ""


class SuggestResult(Wire):
    """Best first."""

    suggestions: tuple[Suggestion, ...]


class OlderResult(Wire):
    """Messages, oldest first; `more` says that there are older ones still."""

    messages: tuple[Message, ...]
    more: bool


class AssetResult(Wire):
    """A module or a style sheet, as it is in the wheel."""

    text: str


class Found(Wire):
    """A message that was found: where it is, and the words around what was sought."""

    id: str
    type: str
    timestamp: float
    snippet: Text


class FindResult(Wire):
    """Newest first."""

    found: tuple[Found, ...]


class Used(Wire):
    """What the turns of a day (`2026-11-25`) used; tokens read include those from the cache."""

    day: str
    turns: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class UsageResult(Wire):
    """Newest day first."""

    days: tuple[Used, ...]


class SessionsResult(Wire):
    """Sessions, most recently active first; `current` is this view's."""

    sessions: tuple[SessionInfo, ...]
    current: str | None = None
    #: Sessions go to other servers too; of these there are changes, so many, that have yet to go.
    replicates: bool = False
    waiting: dict[str, int] = Field(default_factory=dict[str, int])


class ShareResult(Wire):
    """What that person runs, and until when it works."""

    line: str
    until: str


class RulesResult(Wire):
    """Permission rules in force here."""

    rules: tuple[Rule, ...]
