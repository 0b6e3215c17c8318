"""What the SDK knows of transcripts: how to fork one, and how to sum one up."""

from __future__ import annotations

from typing import Any

from ..exceptions import SessionError
from .loading import load_sdk


def fold_summary(before: Any, key: Any, entries: Any) -> Any:
    """Fold new transcript entries into a session's summary, as the SDK does."""
    load_sdk()
    from claude_agent_sdk import fold_session_summary

    return fold_session_summary(before, key, entries)


async def fork_transcript(
    transcripts: Any, session_id: str, *, cwd: str, at: str | None = None
) -> tuple[str, dict[str, str]]:
    """Copy a transcript under a new id, whole or up to the entry `at` (inclusive).

    Returns the new id, and for each entry's uuid the copy's. The transform is the SDK's own
    (`fork_session_via_store`): it rewrites every id and keeps where each came from.

    Raises
    ------
    SessionError
        The session has no transcript here, or `at` is not in it.
    """
    load_sdk()
    from claude_agent_sdk import fork_session_via_store

    try:
        forked = await fork_session_via_store(transcripts, session_id, cwd, at)
    except (FileNotFoundError, ValueError) as error:
        raise SessionError(
            "The session cannot be forked there.",
            why=str(error),
            fix="Fork it without --at, or take a message from %claude_session show.",
        ) from error
    new_id = forked.session_id
    entries: list[dict[str, Any]] = (
        await transcripts.load({"project_key": "", "session_id": new_id}) or []
    )
    uuids: dict[str, str] = {}
    for entry in entries:
        origin: Any = entry.get("forkedFrom")
        if origin and isinstance(entry.get("uuid"), str):
            uuids[str(origin["messageUuid"])] = entry["uuid"]
    return new_id, uuids
