"""How replication stands, in words for a person: what waits, what was refused, what to do."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .tables import ago
from .times import clock

if TYPE_CHECKING:
    from .replica.people import People, Writer
    from .replica.presence import Other
    from .replica.standing import Standing
    from .store.replication import OutboxRow

Row = tuple[str, object]

_KINDS = {"message": "message", "session": "session's row", "todos": "to-do list",
          "approval": "permission", "transcript": "piece of Claude's memory"}  # fmt: skip
_MOST_REASONS = 3
_WHAT_TO_DO = "%claude_session sync --retry sends it again, --drop gives it up (it stays here)"


def changes(count: int) -> str:
    """Count changes in words."""
    return f"{count:,} change{'' if count == 1 else 's'}"


def standing_rows(standing: Standing, parked: Sequence[OutboxRow]) -> list[Row]:
    """Say how it stands: one row of what is, and one each of what went wrong and what to do."""
    waiting = standing.waiting
    queue = f"{changes(waiting.rows)}, since {ago(waiting.since)}" if waiting.since else ""
    words = {
        "synced": f"synced. {standing.detail}",
        "sending": f"sending: {queue or 'a turn is running'}",
        "waiting": f"waiting: {queue or 'signing in'}",
        "offline": f"offline. {standing.detail} It goes on by itself",
        "signed_out": f"signed out. {standing.detail}",
        "refused": "refused" if waiting.parked else f"refused. {standing.detail}",
    }
    rows: list[Row] = [("sync", words[standing.sync])]
    if queue and standing.sync not in ("sending", "waiting"):
        rows.append(("waiting", queue))
    if standing.sync == "signed_out":
        rows.append(("do", "%claude_session login, or set CONVEX_AUTH_TOKEN"))
    rows += refused_rows(parked)
    if standing.error and standing.error not in standing.detail:
        rows.append(("last error", standing.error))
    return rows


def refused_rows(parked: Sequence[OutboxRow]) -> list[Row]:
    """Say what the server refused for good, why, and what to do."""
    if not parked:
        return []
    reasons = collections.Counter((row.parked or "", row.kind) for row in parked)
    rows: list[Row] = [
        ("refused", f"{_KINDS[kind]} ({count}): {reason}")
        for (reason, kind), count in reasons.most_common(_MOST_REASONS)
    ]
    if len(reasons) > _MOST_REASONS:
        rows.append(("refused", f"… and {len(reasons) - _MOST_REASONS} more reasons"))
    return [*rows, ("do", _WHAT_TO_DO)]


def only_here(count: int) -> list[Row]:
    """Offer to send what was made without Convex."""
    if not count:
        return []
    words, sent = ("1 session is", "it") if count == 1 else (f"{count:,} sessions are", "them")
    offer = f"%claude_session sync --all sends {sent}"
    return [("only here", f"{words} on this machine only: {offer}")]


def people_rows(people: People) -> list[Row]:
    """Say who else has the session open, and who writes in it."""
    rows: list[Row] = []
    if people.others:
        rows.append(("here too", "; ".join(_other(other) for other in people.others)))
    if people.writer is not None:
        rows.append(("writing", _writer(people.writer)))
    return rows


def alone_rows(why: str) -> list[Row]:
    """Say why a turn went on though other servers may have written at the same time."""
    if not why:
        return []
    return [("last turn", f"went on without asking the other servers: {why}")]


def _other(other: Other) -> str:
    who = other.label if other.mine else f"{other.name} ({other.label})"
    return f"{who}, watching" if other.watching else who


def _writer(writer: Writer) -> str:
    at = clock(writer.since)
    who = f"{writer.name} ({writer.label})" if writer.name else writer.label
    return f"{who}, since {at}"


def sent_words(standing: Standing, left: int, names: str) -> str:
    """Say how a sending ended."""
    if left == 0 and not standing.waiting.parked:
        return f"{names} sent."
    if standing.sync == "signed_out":
        ends = f"{changes(left)} will be sent once you sign in: %claude_session login."
    elif standing.sync == "refused":
        ends = f"{changes(standing.waiting.parked or left)} refused: %claude_session status."
    elif left:
        ends = f"{changes(left)} will be sent by and by. {standing.detail}"
    else:
        return f"{names} sent."
    return f"{names} not all sent: {ends}"
