"""A copy of a session to go on in: its messages, its to-dos and Claude's memory of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from .engine.forking import fork_transcript
from .exceptions import (
    IpyClaudeError,
    SessionBusy,
    SessionNotFound,
    StoreError,
    UsageMistake,
)
from .exporting import all_messages
from .holders import make_holder
from .journal import notice_message
from .leases import StoreLease
from .messages import ContentBlock, Message, ResultBlock, SessionInfo, TodoList, new_id
from .session import Session
from .store.replication import Replication
from .store.sqlite import SqliteStore
from .turn import forked_notice

if TYPE_CHECKING:
    from .extension import App

_log = logging.getLogger(__name__)

_SHORT_ID = 8


def fork(app: App, source: Session, name: str, at: str | None) -> SessionInfo:
    """Copy a session from another thread than the loop's; see `forked`."""
    return app.runtime.run(forked(app, source, name, at))


async def forked(app: App, source: Session, name: str, at: str | None) -> SessionInfo:
    """Copy a session, whole or up to the message `at` (its id or the end of it).

    Raises
    ------
    UsageMistake
        No message has this id.
    SessionError
        Claude has no memory of the session here.
    """
    info = source.refresh()
    await app.bring(info)
    messages = await asyncio.to_thread(all_messages, app.store, info.client_id)
    if at is not None:
        messages = messages[: _position(messages, at) + 1]
    cut = next((m.uuid for m in reversed(messages) if m.uuid), None) if at is not None else None
    return await _copy(app, info, messages, name=name, cut=cut)


async def rescued(
    app: App, info: SessionInfo, others: Collection[str], *, until: Collection[str] = ()
) -> SessionInfo:
    """Copy a session as turns here knew it, without these of others; the last is in `until`."""
    found = await asyncio.to_thread(all_messages, app.store, info.client_id)
    messages = [message for message in found if message.turn_id not in others]
    while until and messages and messages[-1].turn_id not in until:
        messages.pop()
    claude_id = info.claude_session_id or ""
    entries = (m.turn_id if m.type == "user" else m.uuid for m in reversed(messages))
    cut = next((e for e in entries if e and app.transcripts.holds(claude_id, e)), None)
    return await _copy(app, info, messages, name="", cut=cut)


async def rescued_turn(app: App, session: Session, others: Collection[str]) -> SessionInfo:
    """Copy a session as its running turn knew it, which these turns of others crossed."""
    copy = await rescued(app, session.refresh(), others)
    take_along(app.store, session, others, copy.name)
    return copy


def take_along(store: SqliteStore, session: Session, others: Collection[str], copy: str) -> None:
    """Say in the turns before the running one that others crossed too where they go on.

    They are in its copy as well; without this each would get another one once it is sent.
    """
    session_id, replication = session.info.client_id, Replication(store)
    pages = (store.messages(session_id, turn_id=turn, limit=1_000) for turn in others)
    last = max((m.seq or 0 for page in pages for m in page.messages), default=0)
    running = session.question.turn_id if session.question is not None else ""
    earlier = [turn for turn in replication.crossed(session_id, last) if turn != running]
    notice = forked_notice(session.info.name, copy)
    store.put(*(notice_message(notice, session_id, turn) for turn in earlier))
    for turn in earlier:
        replication.note_hold(session_id, turn, None)


async def keep_apart(
    app: App, session_id: str, turns: Sequence[str], others: Collection[str]
) -> bool:
    """Copy a session as turns here knew it that others crossed, and say so in each of them.

    False while a turn runs in the session on this machine: it is in the way.
    """
    info = app.store.session(session_id)
    if info is None or not turns:
        return True
    lease = StoreLease(app.store, session_id, make_holder())
    lease.granted = True  # what other servers hold is not in the way
    try:
        await lease.take(info)
    except (SessionBusy, SessionNotFound):
        return False
    try:
        name = await _rescued_name(app, info, turns, others)
        notice = forked_notice(info.name, name)
        app.store.put(*(notice_message(notice, session_id, turn) for turn in turns))
    except StoreError:
        raise
    except IpyClaudeError as error:
        _log.warning("Turns that others crossed could not be copied: %s", error)
    finally:
        await lease.give_back()
    return True


async def _rescued_name(
    app: App, info: SessionInfo, turns: Sequence[str], others: Collection[str]
) -> str:
    """Return what the copy is called, empty where there is nothing to keep in one."""
    pages = (app.store.messages(info.client_id, turn_id=turn, limit=1_000) for turn in turns)
    if not any(message.type == "assistant" for page in pages for message in page.messages):
        return ""
    return (await rescued(app, info, others, until=turns)).name


async def _copy(
    app: App, info: SessionInfo, messages: list[Message], *, name: str, cut: str | None
) -> SessionInfo:
    """Make the copy; `cut` is the last entry of Claude's memory that it takes, None for all."""
    claude_id: str | None = None
    uuids: dict[str, str] = {}
    if info.claude_session_id and app.transcripts.has(info.claude_session_id):
        claude_id, uuids = await fork_transcript(
            app.transcripts, info.claude_session_id, cwd=info.cwd, at=cut
        )
    stays = info.local and info.role == "owner"
    local = {"local": True, "keep_local": info.keep_local} if stays else {}
    whose = f" ({info.owner})" if info.owner else ""
    copy = app.sessions.create(
        name or app.sessions.free_name(f"{info.name}-fork"),
        claude_id=claude_id,
        **local,
        title=info.title,
        origin=f"forked from {info.name}{whose}",
    ).info
    app.store.put(
        *_copied(messages, copy, uuids),
        TodoList(
            client_id=copy.client_id,
            session_id=copy.client_id,
            todos=app.store.todos(info.client_id).todos,
        ),
    )
    return app.store.session(copy.client_id) or copy


def _position(messages: list[Message], at: str) -> int:
    for index, message in enumerate(messages):
        if message.client_id == at or (len(at) >= _SHORT_ID and message.client_id.endswith(at)):
            return index
    raise UsageMistake(
        f"No message of this session has the id {at!r}.",
        fix="%claude_session show lists the ids with -n.",
    )


def _copied(messages: list[Message], copy: SessionInfo, uuids: dict[str, str]) -> list[Message]:
    turns: dict[str, str] = {}
    return [
        message.model_copy(
            update={
                "client_id": new_id(),
                "session_id": copy.client_id,
                "turn_id": turns.setdefault(message.turn_id, new_id()),
                "uuid": uuids.get(message.uuid or ""),
                "seq": None,
                "author_id": None,
                "cost": 0.0 if message.type == "result" else None,
                "content": tuple(_unpaid(block) for block in message.content),
            }
        )
        for message in messages
    ]


def _unpaid(block: ContentBlock) -> ContentBlock:
    """Return a copied block: what was paid for was paid once, in the original."""
    if not isinstance(block, ResultBlock):
        return block
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    return block.model_copy(update={"cost_usd": 0.0, **dict.fromkeys(tokens, 0)})
