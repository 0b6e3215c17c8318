"""A person's identities in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .replica.linking import Linked, Who


def linked_rows(linked: Linked | None) -> list[tuple[str, object]]:
    """Return rows of `%claude_session whoami`: the other identities, and what is to be done."""
    if linked is None:
        return []
    rows: list[tuple[str, object]] = [
        ("linked", words(each)) for each in linked.identities if not each.here
    ]
    if linked.redeemed_by is not None:
        rows.append(("to confirm", f"{words(linked.redeemed_by)}: %claude_session link"))
    return rows


def words(who: Who) -> str:
    """Return an identity in a line."""
    return f"{who.subject} at {who.issuer}"
